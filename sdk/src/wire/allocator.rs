//! The allocator of a component: small, quick, and only for one thread.
//!
//! An instance lives for one batch, so nothing is ever given back and nothing is merged. What is freed goes to a list of
//! blocks of its size and is used again, which keeps the memory that a batch touches small: a page touched first costs
//! more than all its allocations.

#![allow(unsafe_code, reason = "memory is handed out here")]

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::arch::wasm32;
use std::cell::UnsafeCell;
use std::ptr;

const PAGE_BYTES: usize = 64 << 10;
const PAGES_MAX: usize = (1 << 16) - 1;
/// Least growth of the memory, which is a call out of the sandbox.
const GROWTH_PAGES: usize = 16;
/// Every block begins at a multiple of this.
const ALIGN: usize = 16;
/// Up to this size there is a class for every multiple of [`ALIGN`], above it four for every doubling.
const SMALL_MAX: usize = 1024;
const CLASSES: usize = SMALL_MAX / ALIGN + 1 + 4 * 22;

/// The allocator. One instance is the whole memory's.
#[derive(Debug)]
pub struct Allocator(UnsafeCell<Heap>);

#[derive(Debug)]
struct Heap {
    /// The first byte that was never handed out, and the end of what may be.
    top: usize,
    end: usize,
    /// The first free block of each class; a free block begins with the address of the next.
    free: [usize; CLASSES],
}

// SAFETY: a component has one thread.
unsafe impl Sync for Allocator {}

impl Allocator {
    /// Starts with no memory.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a static is made once, by a constant function")]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(Heap { top: 0, end: 0, free: [0; CLASSES] }))
    }
}

/// Returns the class of a size, and the size of its blocks.
#[inline]
fn class(bytes: usize) -> (usize, usize) {
    if bytes <= SMALL_MAX {
        let class = bytes.div_ceil(ALIGN);
        return (class, class * ALIGN);
    }
    let doubling = (bytes - 1).ilog2() as usize;
    let step = 1 << (doubling - 2);
    let rounded = bytes.next_multiple_of(step);
    let quarter = (rounded - (1 << doubling)) / step - 1;
    (SMALL_MAX / ALIGN + 1 + (doubling - 10) * 4 + quarter, rounded)
}

impl Heap {
    #[inline]
    fn allocate(&mut self, bytes: usize, align: usize) -> *mut u8 {
        let (class, rounded) = class(bytes);
        let block = self.free[class];
        if block != 0 && align <= ALIGN {
            // SAFETY: a block of the list is free, and was given its next when it became so.
            self.free[class] = unsafe { *(block as *const usize) };
            return block as *mut u8;
        }
        self.take(rounded, align.max(ALIGN))
    }

    fn take(&mut self, bytes: usize, align: usize) -> *mut u8 {
        let start = self.top.next_multiple_of(align);
        let fits = |start: usize, end: usize| start.checked_add(bytes).is_some_and(|last| last <= end);
        if !fits(start, self.end) && !self.grow(bytes.saturating_add(align)) {
            return ptr::null_mut();
        }
        let start = self.top.next_multiple_of(align);
        if !fits(start, self.end) {
            return ptr::null_mut();
        }
        self.top = start + bytes;
        start as *mut u8
    }

    /// Makes room for so many bytes more at the top.
    #[cold]
    fn grow(&mut self, bytes: usize) -> bool {
        let pages = bytes.div_ceil(PAGE_BYTES).max(GROWTH_PAGES);
        let before = wasm32::memory_grow(0, pages);
        if before == usize::MAX {
            return false;
        }
        // Somebody else may have grown the memory in between; what was left below is then lost.
        if before * PAGE_BYTES != self.end {
            self.top = before * PAGE_BYTES;
        }
        // The very last page is left out: an address behind it does not fit.
        self.end = (before + pages).min(PAGES_MAX) * PAGE_BYTES;
        true
    }

    #[inline]
    fn release(&mut self, block: usize, bytes: usize, align: usize) {
        let (class, rounded) = class(bytes);
        if block + rounded == self.top {
            self.top = block;
        } else if align <= ALIGN {
            // SAFETY: the block was handed out with at least `ALIGN` bytes, and its owner is done with it.
            unsafe { *(block as *mut usize) = self.free[class] };
            self.free[class] = block;
        }
    }
}

// SAFETY: blocks are aligned, do not overlap, and are handed out again only once they were released.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and no allocation happens inside another.
        unsafe { &mut *self.0.get() }.allocate(layout.size(), layout.align())
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { &mut *self.0.get() }.release(block as usize, layout.size(), layout.align());
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: as above.
        let heap = unsafe { &mut *self.0.get() };
        let ((_, had), (_, wanted)) = (class(layout.size()), class(bytes));
        if wanted <= had {
            return block;
        }
        if block as usize + had == heap.top && block as usize + wanted <= heap.end {
            heap.top = block as usize + wanted;
            return block;
        }
        let new = heap.allocate(bytes, layout.align());
        if !new.is_null() {
            // SAFETY: both blocks hold as much, and they are two.
            unsafe { ptr::copy_nonoverlapping(block, new, layout.size()) };
            heap.release(block as usize, layout.size(), layout.align());
        }
        new
    }
}
