//! Names found, compared and copied in pieces of a known size.
//!
//! On WebAssembly every turn of a loop looks at the deadline, and a copy or a comparison of unknown length leaves the
//! sandbox or goes byte by byte. Names and numbers are short, so a few pieces of known size do.

/// Longer copies are worth a call.
const INLINE_BYTES_MAX: usize = 127;

/// Returns where the first zero is.
#[inline]
pub(crate) fn find_zero(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (eights, rest) = bytes.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let word = u64::from_le_bytes(*eight);
        // The lowest of these bits is the first zero byte's.
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return Some(index * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    let before = eights.len() * 8;
    rest.iter().position(|byte| *byte == 0).map(|at| before + at)
}

/// Returns whether both are the same.
#[inline]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    // The last piece may overlap the one before it.
    if let (Some(one_last), Some(other_last)) = (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        return one_last == other_last && one.as_chunks::<8>().0 == other.as_chunks::<8>().0;
    }
    if let (Some(one_last), Some(other_last)) = (one.last_chunk::<4>(), other.last_chunk::<4>()) {
        return one_last == other_last && one.first_chunk::<4>() == other.first_chunk::<4>();
    }
    one.iter().zip(other).all(|(one, other)| one == other)
}

/// Appends bytes.
#[inline]
pub(crate) fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    if !cfg!(target_family = "wasm") || bytes.len() > INLINE_BYTES_MAX {
        out.extend_from_slice(bytes);
        return;
    }
    out.reserve(bytes.len());
    let rest = piece::<64>(out, bytes);
    let rest = piece::<32>(out, rest);
    let rest = piece::<16>(out, rest);
    let rest = piece::<8>(out, rest);
    let rest = piece::<4>(out, rest);
    let rest = piece::<2>(out, rest);
    piece::<1>(out, rest);
}

/// Appends the first bytes where there are as many; returns the others.
#[inline(always)]
fn piece<'a, const SIZE: usize>(out: &mut Vec<u8>, bytes: &'a [u8]) -> &'a [u8] {
    match bytes.split_first_chunk::<SIZE>() {
        Some((first, rest)) => {
            out.extend_from_slice(first);
            rest
        }
        None => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::find_zero;
    use super::same;

    #[test]
    fn the_first_zero_is_found_wherever_it_is() {
        for length in 0..40 {
            let bytes: Vec<u8> = (0..length).map(|index| [1, 0x80, 0xff][index % 3]).collect();
            assert_eq!(find_zero(&bytes), None, "{length}");
            for at in 0..length {
                let mut bytes = bytes.clone();
                bytes[at] = 0;
                assert_eq!(find_zero(&bytes), Some(at), "{length}");
                bytes[length - 1] = 0;
                assert_eq!(find_zero(&bytes), Some(at), "{length}");
            }
        }
    }

    #[test]
    fn one_byte_makes_the_difference() {
        for length in 0..40_usize {
            let one: Vec<u8> = (0..length).map(|index| u8::try_from(index).unwrap_or(0)).collect();
            assert!(same(&one, &one.clone()), "{length}");
            assert!(!same(&one, &[one.as_slice(), &[0]].concat()), "{length}");
            for at in 0..length {
                let mut other = one.clone();
                other[at] ^= 0x80;
                assert!(!same(&one, &other), "{length} {at}");
            }
        }
    }
}
