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

//! The C interface, as `nfslock.h` documents it.

use core::ffi::{c_char, c_int, c_long, c_void, CStr};
use core::mem::size_of;
use core::ptr;
use core::sync::atomic::{AtomicI32, Ordering};
use core::time::Duration;

use crate::holder::Holder;
use crate::options::{Directory, Limit, Options, DEFAULT_LIMIT, DEFAULT_STALE};
use crate::posix::Posix;
use crate::status::{Failure, Status};
use crate::sys;
use crate::Lock;

const OK: c_int = 0;

/// The longest time limit.
const LONGEST: c_int = 86_400;

/// `nfslock_t`.
pub struct Handle(Lock);

/// `struct nfslock_options`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct COptions {
    size: usize,
    directory: c_int,
    stale_action: c_int,
    limit: c_int,
    stale: c_int,
    cancel_flag: *const c_int,
    cancelled: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    cancelled_arg: *mut c_void,
}

/// `struct nfslock_holder`.
#[repr(C)]
pub struct CHolder {
    size: usize,
    pid: libc::pid_t,
    since: libc::time_t,
    age: c_long,
    host: [c_char; 256],
    program: [c_char; 32],
}

/// What C is told of a failure.
fn told(failure: Failure) -> c_int {
    if failure.status == Status::Error {
        sys::set_errno(failure.errno);
    }
    failure.status as c_int
}

fn invalid() -> Failure {
    Failure::system(libc::EINVAL)
}

impl COptions {
    const DEFAULT: Self = Self {
        size: size_of::<Self>(),
        directory: 0,
        stale_action: 0,
        limit: 0,
        stale: 0,
        cancel_flag: ptr::null(),
        cancelled: None,
        cancelled_arg: ptr::null_mut(),
    };

    /// # Safety
    /// The pointer is NULL or points at a structure as `nfslock.h` has it, of
    /// the size that it tells.
    unsafe fn read(options: *const Self) -> Result<Self, Failure> {
        if options.is_null() {
            return Ok(Self::DEFAULT);
        }
        // SAFETY: the size comes first in every version of the structure.
        let size = unsafe { options.cast::<usize>().read() };
        // A larger structure is a later version's: what its further members
        // ask for would be ignored.  A smaller one than ever was is a mistake.
        if size != size_of::<Self>() {
            return Err(invalid());
        }
        // SAFETY: it has that size.
        Ok(unsafe { options.read() })
    }

    fn is_cancelled(&self) -> bool {
        // SAFETY: the caller keeps the flag valid for the call; a signal handler
        // or another thread may write it meanwhile.
        let flag = unsafe { self.cancel_flag.cast::<AtomicI32>().as_ref() };
        let flag = flag.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0);
        // SAFETY: the caller gave the function and its argument together.
        flag || self
            .cancelled
            .is_some_and(|cancelled| unsafe { cancelled(self.cancelled_arg) } != 0)
    }

    fn options<'a>(&self, cancelled: &'a dyn Fn() -> bool) -> Result<Options<'a>, Failure> {
        let seconds = |value: c_int| Duration::from_secs(u64::try_from(value).unwrap_or(0));
        Ok(Options {
            directory: match self.directory {
                0 => Directory::Auto,
                1 => Directory::Common,
                2 => Directory::Private,
                _ => return Err(invalid()),
            },
            break_stale: match self.stale_action {
                0 => true,
                1 => false,
                _ => return Err(invalid()),
            },
            limit: match self.limit {
                0 => Limit::For(DEFAULT_LIMIT),
                -1 => Limit::Once,
                limit @ 1..=LONGEST => Limit::For(seconds(limit)),
                _ => return Err(invalid()),
            },
            stale: match self.stale {
                0 => DEFAULT_STALE,
                stale @ 1.. => seconds(stale),
                _ => return Err(invalid()),
            },
            cancelled: Some(cancelled),
        })
    }
}

/// # Safety
/// The text is NULL or terminated, and stays valid.
unsafe fn text<'a>(text: *const c_char) -> Result<&'a CStr, Failure> {
    if text.is_null() {
        return Err(invalid());
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { CStr::from_ptr(text) })
}

/// # Safety
/// As for [`COptions::read`]; `lock` is NULL or valid for a write.
unsafe fn acquire<'a>(
    place: impl FnOnce() -> Result<(Posix, &'a CStr), Failure>,
    options: *const COptions,
    lock: *mut *mut Handle,
) -> c_int {
    if lock.is_null() {
        return told(invalid());
    }
    // SAFETY: the caller's promise.
    unsafe { lock.write(ptr::null_mut()) };
    // SAFETY: the caller's promise.
    let acquired = unsafe { COptions::read(options) }.and_then(|read| {
        let cancelled = || read.is_cancelled();
        let options = read.options(&cancelled)?;
        let (fs, name) = place()?;
        // Before the lock is taken: a lock without a handle could not be
        // released.
        // SAFETY: malloc takes nothing but a size.
        let handle: *mut Handle = unsafe { libc::malloc(size_of::<Handle>()) }.cast();
        if handle.is_null() {
            return Err(Failure::system(libc::ENOMEM));
        }
        match Lock::acquire_in(fs, name, &options) {
            Ok(held) => {
                // SAFETY: it was allocated for a handle, and malloc aligns
                // for everything.
                unsafe { handle.write(Handle(held)) };
                Ok(handle)
            }
            Err(failure) => {
                // SAFETY: it came from malloc and is not used again.
                unsafe { libc::free(handle.cast()) };
                Err(failure)
            }
        }
    });
    match acquired {
        Ok(handle) => {
            // SAFETY: the caller's promise.
            unsafe { lock.write(handle) };
            OK
        }
        Err(failure) => told(failure),
    }
}

/// See `nfslock.h`.
///
/// # Safety
/// The pointers are as `nfslock.h` says.
#[no_mangle]
pub unsafe extern "C" fn nfslock_acquire(
    mailbox: *const c_char,
    options: *const COptions,
    lock: *mut *mut Handle,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { acquire(|| Posix::of_mailbox(text(mailbox)?), options, lock) }
}

/// See `nfslock.h`.
///
/// # Safety
/// The pointers are as `nfslock.h` says.
#[no_mangle]
pub unsafe extern "C" fn nfslock_acquireat(
    dirfd: c_int,
    name: *const c_char,
    options: *const COptions,
    lock: *mut *mut Handle,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { acquire(|| Ok((Posix::at(dirfd)?, text(name)?)), options, lock) }
}

fn status(result: Result<(), Failure>) -> c_int {
    result.map_or_else(told, |()| OK)
}

/// See `nfslock.h`.
///
/// # Safety
/// `lock` came from acquiring and was not released.
#[no_mangle]
pub unsafe extern "C" fn nfslock_verify(lock: *mut Handle) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { lock.as_ref() }.map_or_else(|| told(invalid()), |lock| status(lock.0.verify()))
}

/// See `nfslock.h`.
///
/// # Safety
/// `lock` came from acquiring and was not released.
#[no_mangle]
pub unsafe extern "C" fn nfslock_refresh(lock: *mut Handle) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { lock.as_mut() }.map_or_else(|| told(invalid()), |lock| status(lock.0.refresh()))
}

/// See `nfslock.h`.
///
/// # Safety
/// `lock` is NULL, or came from acquiring and was not released.
#[no_mangle]
pub unsafe extern "C" fn nfslock_release(lock: *mut Handle) -> c_int {
    if lock.is_null() {
        return OK;
    }
    // SAFETY: it came from malloc with a handle in it, that is taken out once.
    let held = unsafe {
        let held = lock.read();
        libc::free(lock.cast());
        held
    };
    status(held.0.release())
}

/// See `nfslock.h`.
///
/// # Safety
/// `lock` came from acquiring and was not released.
#[no_mangle]
pub unsafe extern "C" fn nfslock_unlock(lock: *mut Handle) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { lock.as_mut() }.map_or_else(|| told(invalid()), |lock| status(lock.0.unlock()))
}

/// See `nfslock.h`.
///
/// # Safety
/// As for [`COptions::read`]; `lock` came from acquiring and was not released;
/// `name` is NULL or terminated.
#[no_mangle]
pub unsafe extern "C" fn nfslock_relock(
    lock: *mut Handle,
    name: *const c_char,
    options: *const COptions,
) -> c_int {
    // SAFETY: the caller's promise.
    let Some(Handle(lock)) = (unsafe { lock.as_mut() }) else {
        return told(invalid());
    };
    // SAFETY: the caller's promise.
    let locked = unsafe { COptions::read(options) }.and_then(|read| {
        let cancelled = || read.is_cancelled();
        let options = read.options(&cancelled)?;
        // SAFETY: the caller's promise.
        let name = (!name.is_null())
            .then(|| unsafe { text(name) })
            .transpose()?;
        lock.relock(name, &options)
    });
    status(locked)
}

/// # Safety
/// `to` is NULL or points at a structure whose size is set.
unsafe fn tell(to: *mut CHolder, find: impl FnOnce() -> Result<Option<Holder>, Failure>) -> c_int {
    // SAFETY: the size comes first in every version of the structure.
    if to.is_null() || unsafe { to.cast::<usize>().read() } != size_of::<CHolder>() {
        return told(invalid());
    }
    let mut holder = CHolder {
        size: size_of::<CHolder>(),
        pid: 0,
        since: 0,
        age: -1,
        host: [0; 256],
        program: [0; 32],
    };
    let answer = match find() {
        Ok(Some(found)) => {
            holder.pid = found.pid;
            #[allow(clippy::unnecessary_fallible_conversions)] // time_t differs
            let since = libc::time_t::try_from(found.since);
            holder.since = since.unwrap_or(0);
            let age = found.age.map(|age| c_long::try_from(age.as_secs()));
            holder.age = age.and_then(Result::ok).unwrap_or(-1);
            copy(found.host(), &mut holder.host);
            copy(found.program(), &mut holder.program);
            Status::Held as c_int
        }
        Ok(None) => OK,
        Err(failure) => told(failure),
    };
    // SAFETY: it has that size.
    unsafe { to.write(holder) };
    answer
}

fn copy(from: &CStr, to: &mut [c_char]) {
    for (to, from) in to.iter_mut().zip(from.to_bytes()) {
        *to = c_char::from_ne_bytes([*from]);
    }
}

/// See `nfslock.h`.
///
/// # Safety
/// The pointers are as `nfslock.h` says.
#[no_mangle]
pub unsafe extern "C" fn nfslock_holder(mailbox: *const c_char, holder: *mut CHolder) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { tell(holder, || Holder::of(text(mailbox)?)) }
}

/// See `nfslock.h`.
///
/// # Safety
/// The pointers are as `nfslock.h` says.
#[no_mangle]
pub unsafe extern "C" fn nfslock_holderat(
    dirfd: c_int,
    name: *const c_char,
    holder: *mut CHolder,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { tell(holder, || Holder::at(dirfd, text(name)?)) }
}

/// See `nfslock.h`.
#[no_mangle]
pub extern "C" fn nfslock_message(status: c_int) -> *const c_char {
    Status::c_message(status).1.as_ptr()
}
