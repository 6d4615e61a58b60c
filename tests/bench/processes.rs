// $NetBSD$
//
// Copyright (c) 2026 The libnfslock authors.
// All rights reserved.
//
// Redistribution and use in source and binary forms, with or without
// modification, are permitted provided that the following conditions
// are met:
// 1. Redistributions of source code must retain the above copyright
//    notice, this list of conditions and the following disclaimer.
// 2. Redistributions in binary form must reproduce the above copyright
//    notice, this list of conditions and the following disclaimer in the
//    documentation and/or other materials provided with the distribution.
//
// THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
// ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
// IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
// ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
// FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
// DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
// OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
// HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
// LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
// OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
// SUCH DAMAGE.

//! Processes that work at the same time, and the memory that they share.

use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nanoseconds of the monotonic clock, which all processes have in common.
pub fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a timespec of this frame.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Types of which memory that is all zeros is a value, and which may change
/// under a shared reference.
///
/// # Safety
/// Implemented for structures of atomics alone.
pub unsafe trait Plain {}

// SAFETY: an atomic.
unsafe impl Plain for AtomicU64 {}

/// Values that this process and its children see alike.
pub struct Shared<T: Plain> {
    first: *mut T,
    count: usize,
}

impl<T: Plain> Shared<T> {
    pub fn new(count: usize) -> io::Result<Self> {
        // SAFETY: a new mapping, where the kernel wants it; only what is
        // touched takes memory.
        let first = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<T>() * count,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if first == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let first = first.cast();
        Ok(Self { first, count })
    }
}

impl<T: Plain> Deref for Shared<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the mapping is as long, lives as long as this, is aligned to
        // a page, and zeros are a value of T.
        unsafe { std::slice::from_raw_parts(self.first, self.count) }
    }
}

impl<T: Plain> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping of new(), to which no reference is left.
        unsafe { libc::munmap(self.first.cast(), size_of::<T>() * self.count) };
    }
}

/// How many samples of one worker are kept; later ones are counted only.
const SAMPLES: usize = 1 << 16;

/// What one worker tells.
#[repr(C)]
pub struct Record {
    /// Cycles, or deliveries, that came to their end.
    pub done: AtomicU64,
    /// Those that failed.
    pub failed: AtomicU64,
    /// When the one that is under way began, or 0.
    pub since: AtomicU64,
    /// Page faults of the commands that were run.
    pub faults: AtomicU64,
    /// When the worker came to its end.
    pub ended: AtomicU64,
    count: AtomicU64,
    samples: [AtomicU64; SAMPLES],
}

// SAFETY: atomics alone.
unsafe impl Plain for Record {}

impl Record {
    pub fn add(&self, nanoseconds: u64) {
        let at = self.count.fetch_add(1, Ordering::Relaxed) as usize;
        if let Some(sample) = self.samples.get(at) {
            sample.store(nanoseconds, Ordering::Relaxed);
        }
    }

    pub fn samples(&self) -> impl Iterator<Item = u64> + '_ {
        let count = self.count.load(Ordering::Relaxed) as usize;
        self.samples
            .iter()
            .take(count)
            .map(|sample| sample.load(Ordering::Relaxed))
    }
}

fn pipe() -> io::Result<[i32; 2]> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(ends)
}

fn close(fd: i32) {
    // SAFETY: a descriptor of pipe(), which nobody uses after this.
    unsafe { libc::close(fd) };
}

/// Fork a child that runs `work` and exits.
pub fn fork(work: impl FnOnce()) -> io::Result<i32> {
    // SAFETY: the process has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: a process of a group of its own, so that one signal
            // ends it and all that it runs; _exit runs nothing of the parent.
            unsafe {
                libc::setpgid(0, 0);
                work();
                libc::_exit(0)
            }
        }
        pid => {
            // SAFETY: the child may not have come to it yet.
            unsafe { libc::setpgid(pid, pid) };
            Ok(pid)
        }
    }
}

/// Kill a child of fork() with all that it runs, and wait for its end.
pub fn kill(pid: i32) {
    // SAFETY: a child that was not waited for, whose number nobody else has.
    unsafe {
        libc::kill(-pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
}

/// Run `work` in so many processes at once, until all have ended; after the
/// limit, which counts from the moment when all begin, the rest are killed.
/// `prepare` is run before that.  Says when they began.
pub fn at_once<P>(
    count: usize,
    limit: Duration,
    prepare: impl Fn(usize) -> P,
    work: impl Fn(usize, P),
) -> io::Result<u64> {
    let (ready, go, end) = (pipe()?, pipe()?, pipe()?);
    let mut children = Vec::new();
    for number in 0..count {
        children.push(fork(|| {
            close(go[1]);
            close(ready[0]);
            let prepared = prepare(number);
            close(ready[1]);
            wait_closed(go[0], -1);
            work(number, prepared);
        })?);
    }
    close(ready[1]);
    close(end[1]);
    wait_closed(ready[0], 30_000);
    let began = now();
    close(go[1]);
    wait_closed(end[0], i32::try_from(limit.as_millis()).unwrap_or(i32::MAX));
    for fd in [ready[0], go[0], end[0]] {
        close(fd);
    }
    for child in children {
        kill(child);
    }
    kill_orphans();
    Ok(began)
}

/// Have what outlives its parent become a child of this process.
pub fn adopt() {
    // SAFETY: takes a number.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

/// Agents that left their process group would go on, and deliver into the
/// mailboxes of whoever is measured next.
fn kill_orphans() {
    // SAFETY: takes nothing.
    let path = format!("/proc/self/task/{}/children", unsafe { libc::gettid() });
    for _ in 0..100 {
        let children = std::fs::read_to_string(&path).unwrap_or_default();
        let orphans: Vec<i32> = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect();
        if orphans.is_empty() {
            break;
        }
        for pid in orphans {
            // SAFETY: a child of this process, which was not waited for.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
                libc::waitpid(pid, std::ptr::null_mut(), 0);
            }
        }
    }
}

/// Wait until nobody has the other end of a pipe any more.
fn wait_closed(fd: i32, milliseconds: i32) {
    let mut poll = libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    };
    // SAFETY: one pollfd of this frame.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) };
}
