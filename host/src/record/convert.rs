//! From the value a component gives to the value a column takes; nothing is rounded, cut or defaulted.
