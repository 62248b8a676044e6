//! This file has the allocator keep some room.
//!
//! Left to itself, glibc gives the end of the heap back whenever 128 KiB of it are free, and gets it again
//! for the next long message: two system calls and a page fault for every 4 KiB.

use std::hint::black_box;

/// Blocks up to this size come from the heap, and twice as much stays when it is free, in bytes.
const ROOM: usize = 2 * 1024 * 1024;

/// Keeps room from now on. glibc learns from the largest block that was given back (mallopt(3),
/// `M_MMAP_THRESHOLD`: "dynamic adjustment"); other allocators do as they like. No page is touched.
pub(crate) fn keep_room() {
    drop(black_box(Vec::<u8>::with_capacity(ROOM)));
}
