//! A library with a mimalloc of its own.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::{c_int, c_void};

extern "C" {
    fn mi_malloc_aligned(size: usize, alignment: usize) -> *mut c_void;
    fn mi_free(p: *mut c_void);
    fn mi_version() -> c_int;
    fn mi_is_in_heap_region(p: *const c_void) -> bool;
}

/// The allocator of this image.
pub struct Mimalloc;

// mimalloc's functions keep GlobalAlloc's contract: NULL on failure, the alignment that is asked for.
unsafe impl GlobalAlloc for Mimalloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        mi_malloc_aligned(layout.size(), layout.align()).cast()
    }

    unsafe fn dealloc(&self, p: *mut u8, _: Layout) {
        mi_free(p.cast())
    }
}

/// The version, as MI_MALLOC_VERSION in mimalloc.h has it.
pub fn version() -> i32 {
    unsafe { mi_version() }
}

/// Whether mimalloc has a pointer's memory.
pub fn owns<T>(p: *const T) -> bool {
    unsafe { mi_is_in_heap_region(p.cast()) }
}
