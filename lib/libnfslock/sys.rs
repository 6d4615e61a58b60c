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

//! The system calls, each as a function that cannot be used wrongly.
//!
//! Everything unsafe but the C interface is here, and so is all that differs
//! between NetBSD and Linux.

use core::ffi::{c_char, c_int, CStr};
use core::mem::{ManuallyDrop, MaybeUninit};

use crate::filesystem::{Attributes, Kind, ServerTime, INTERRUPTIONS};
use crate::timing::Span;

/// The error number of the last call that failed.
fn errno() -> c_int {
    #[cfg(target_os = "netbsd")]
    // SAFETY: returns this thread's own errno, valid for its lifetime.
    unsafe {
        *libc::__errno()
    }
    #[cfg(not(target_os = "netbsd"))]
    // SAFETY: returns this thread's own errno, valid for its lifetime.
    unsafe {
        *libc::__errno_location()
    }
}

/// Set errno, as the C interface promises for its callers.
pub fn set_errno(value: c_int) {
    #[cfg(target_os = "netbsd")]
    // SAFETY: as in errno().
    unsafe {
        *libc::__errno() = value;
    }
    #[cfg(not(target_os = "netbsd"))]
    // SAFETY: as in errno().
    unsafe {
        *libc::__errno_location() = value;
    }
}

/// Make `-1` an error.
fn once<T: PartialEq + From<i8>>(call: impl FnOnce() -> T) -> Result<T, c_int> {
    let result = call();
    if result == T::from(-1) {
        Err(errno())
    } else {
        Ok(result)
    }
}

/// The same, repeating what a signal interrupts: only for what may be done
/// twice.
fn checked<T: PartialEq + From<i8>>(mut call: impl FnMut() -> T) -> Result<T, c_int> {
    let mut result = once(&mut call);
    for _ in 0..INTERRUPTIONS {
        if result != Err(libc::EINTR) {
            break;
        }
        result = once(&mut call);
    }
    result
}

/// An open descriptor, closed when it goes out of scope.
pub struct Descriptor(c_int);

impl Descriptor {
    /// `openat(2)` relative to a descriptor of the caller's.
    pub fn open_at(
        dir: c_int,
        name: &CStr,
        flags: c_int,
        mode: libc::mode_t,
    ) -> Result<Self, c_int> {
        let flags = flags | libc::O_CLOEXEC;
        // SAFETY: name is terminated; openat keeps no pointer.
        checked(|| unsafe { libc::openat(dir, name.as_ptr(), flags, libc::c_uint::from(mode)) })
            .map(Self)
    }

    /// Open a directory for nothing but names in it: to search it, and where
    /// the system tells that apart, not to read it.
    pub fn open_directory_at(dir: c_int, name: &CStr) -> Result<Self, c_int> {
        #[cfg(target_os = "netbsd")]
        let search = libc::O_SEARCH;
        #[cfg(not(target_os = "netbsd"))]
        let search = libc::O_PATH;
        Self::open_at(dir, name, search | libc::O_DIRECTORY, 0)
    }

    /// `openat(2)` relative to this directory.
    pub fn open(&self, name: &CStr, flags: c_int, mode: libc::mode_t) -> Result<Self, c_int> {
        Self::open_at(self.0, name, flags, mode)
    }

    /// `close(2)`, with its result: over NFS it is here that a full disk or
    /// quota is told.
    pub fn close(self) -> Result<(), c_int> {
        let fd = self.0;
        core::mem::forget(self);
        // SAFETY: fd is ours and is not used again.
        match unsafe { libc::close(fd) } {
            // Interrupted, it is closed all the same, and must not be closed
            // again: the number may be another's by then.  What was written
            // is read back before it is relied on.
            -1 if errno() != libc::EINTR => Err(errno()),
            _ => Ok(()),
        }
    }

    /// `fstat(2)`.
    pub fn stat(&self) -> Result<libc::stat, c_int> {
        let mut stat = MaybeUninit::uninit();
        // SAFETY: fstat fills the structure when it succeeds.
        checked(|| unsafe { libc::fstat(self.0, stat.as_mut_ptr()) })?;
        // SAFETY: it succeeded.
        Ok(unsafe { stat.assume_init() })
    }

    /// `fstatat(2)`, not following a link.
    pub fn stat_at(&self, name: &CStr) -> Result<libc::stat, c_int> {
        let mut stat = MaybeUninit::uninit();
        let flags = libc::AT_SYMLINK_NOFOLLOW;
        // SAFETY: name is terminated; fstatat fills the structure when it
        // succeeds.
        checked(|| unsafe { libc::fstatat(self.0, name.as_ptr(), stat.as_mut_ptr(), flags) })?;
        // SAFETY: it succeeded.
        Ok(unsafe { stat.assume_init() })
    }

    /// `read(2)`: how many bytes of the buffer were filled.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, c_int> {
        let (to, len) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: the buffer is valid for writes of its length.
        let got = checked(|| unsafe { libc::read(self.0, to, len) })?;
        Ok(usize::try_from(got).unwrap_or(0))
    }

    /// `write(2)`: how many bytes were written.
    pub fn write(&self, bytes: &[u8]) -> Result<usize, c_int> {
        let (from, len) = (bytes.as_ptr().cast(), bytes.len());
        // SAFETY: the bytes are valid for reads of their length.
        let put = checked(|| unsafe { libc::write(self.0, from, len) })?;
        Ok(usize::try_from(put).unwrap_or(0))
    }

    /// `fchmod(2)`.
    pub fn chmod(&self, mode: libc::mode_t) -> Result<(), c_int> {
        // SAFETY: takes no pointer.
        checked(|| unsafe { libc::fchmod(self.0, mode) }).map(drop)
    }

    /// Set the times of the file to the server's present.
    pub fn touch(&self) -> Result<(), c_int> {
        // SAFETY: NULL asks for the present, by the server's clock.
        checked(|| unsafe { libc::futimens(self.0, core::ptr::null()) }).map(drop)
    }

    /// `linkat(2)` within this directory, once.
    pub fn link(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        // SAFETY: both names are terminated.
        once(|| unsafe { libc::linkat(self.0, from.as_ptr(), self.0, to.as_ptr(), 0) }).map(drop)
    }

    /// `renameat(2)` within this directory, once.
    pub fn rename(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        // SAFETY: both names are terminated.
        once(|| unsafe { libc::renameat(self.0, from.as_ptr(), self.0, to.as_ptr()) }).map(drop)
    }

    /// `linkat(2)`, or where the system permits no link to another's file, a
    /// rename that replaces nothing.
    pub fn restore(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        let linked = self.link(from, to);
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if linked == Err(libc::EPERM) {
            let (from, to) = (from.as_ptr(), to.as_ptr());
            // SAFETY: both names are terminated.
            return once(|| unsafe {
                libc::renameat2(self.0, from, self.0, to, libc::RENAME_NOREPLACE)
            })
            .map(drop);
        }
        linked
    }

    /// `mkfifoat(2)` in this directory.
    pub fn make_fifo(&self, name: &CStr, mode: libc::mode_t) -> Result<(), c_int> {
        // SAFETY: name is terminated.
        once(|| unsafe { libc::mkfifoat(self.0, name.as_ptr(), mode) }).map(drop)
    }

    /// `symlinkat(2)` in this directory.
    pub fn symlink(&self, target: &CStr, name: &CStr) -> Result<(), c_int> {
        // SAFETY: both are terminated.
        once(|| unsafe { libc::symlinkat(target.as_ptr(), self.0, name.as_ptr()) }).map(drop)
    }

    /// `readlinkat(2)`, terminated unless the buffer is too small.
    pub fn read_link(&self, name: &CStr, target: &mut [u8]) -> Result<(), c_int> {
        let (to, len) = (target.as_mut_ptr().cast(), target.len());
        // SAFETY: name is terminated, the buffer valid for writes of its length.
        let got = once(|| unsafe { libc::readlinkat(self.0, name.as_ptr(), to, len) })?;
        if let Some(end) = usize::try_from(got)
            .ok()
            .and_then(|end| target.get_mut(end))
        {
            *end = 0;
        }
        Ok(())
    }

    /// `poll(2)`: wait until there is something to read, be it the end, or
    /// return early after a signal.  Is there?
    pub fn wait_for_input(&self, time: Span) -> bool {
        let milliseconds = time.as_nanos().div_ceil(1_000_000);
        let timeout = c_int::try_from(milliseconds).unwrap_or(c_int::MAX);
        let mut asked = libc::pollfd {
            fd: self.0,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: the structure is valid for reads and writes, and is one.
        once(|| unsafe { libc::poll(&raw mut asked, 1, timeout) }) == Ok(1)
    }

    /// `unlinkat(2)` of a file in this directory, once.
    pub fn unlink(&self, name: &CStr) -> Result<(), c_int> {
        // SAFETY: name is terminated.
        once(|| unsafe { libc::unlinkat(self.0, name.as_ptr(), 0) }).map(drop)
    }

    /// Is the file system this is on a local one that is known to create
    /// exclusively?
    #[cfg(target_os = "netbsd")]
    pub fn is_on_local_disk(&self) -> Result<bool, c_int> {
        let found = self.file_system()?;
        // A file system in a user's process promises nothing.
        let kind = found.f_fstypename.iter().map(|byte| byte.to_ne_bytes()[0]);
        let in_userland = [b"puffs".as_slice(), b"fuse"]
            .iter()
            .any(|prefix| kind.clone().take(prefix.len()).eq(prefix.iter().copied()));
        let local = u64::try_from(libc::MNT_LOCAL).unwrap_or(0);
        #[allow(clippy::useless_conversion)] // its type differs between ports
        Ok(u64::from(found.f_flag) & local != 0 && !in_userland)
    }

    /// Is the file system this is on a local one that is known to create
    /// exclusively?
    #[cfg(not(target_os = "netbsd"))]
    pub fn is_on_local_disk(&self) -> Result<bool, c_int> {
        // From linux/magic.h and the file systems' own headers.
        const LOCAL: [i64; 11] = [
            0xef53,      // ext2, ext3, ext4
            0x5846_5342, // xfs
            0x9123_683e, // btrfs
            0x0102_1994, // tmpfs
            0x8584_58f6, // ramfs
            0x794c_7630, // overlayfs: its upper layer is never NFS
            0xf2f5_2010, // f2fs
            0x2fc1_2fc1, // zfs
            0xca45_1a4e, // bcachefs
            0x3153_464a, // jfs
            0x5265_4973, // reiserfs
        ];
        Ok(LOCAL.contains(&self.file_system_kind()?))
    }

    #[cfg(target_os = "netbsd")]
    fn file_system(&self) -> Result<libc::statvfs, c_int> {
        let mut found = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: fstatvfs fills the structure when it succeeds.
        checked(|| unsafe { libc::fstatvfs(self.0, found.as_mut_ptr()) })?;
        // SAFETY: it succeeded.
        Ok(unsafe { found.assume_init() })
    }

    /// The magic number of the kind of file system this is on.
    #[cfg(not(target_os = "netbsd"))]
    fn file_system_kind(&self) -> Result<i64, c_int> {
        let mut found = MaybeUninit::<libc::statfs>::uninit();
        // SAFETY: fstatfs fills the structure when it succeeds.
        checked(|| unsafe { libc::fstatfs(self.0, found.as_mut_ptr()) })?;
        // SAFETY: it succeeded.
        let kind = unsafe { found.assume_init() }.f_type;
        #[allow(clippy::unnecessary_cast)] // its type differs between ports
        Ok(kind as i64 & 0xffff_ffff)
    }

    /// Is the file system this is on this host's memory, and nothing else?
    #[cfg(target_os = "netbsd")]
    fn is_in_memory(&self) -> bool {
        self.file_system().is_ok_and(|found| {
            let kind = found.f_fstypename.iter().map(|byte| byte.to_ne_bytes()[0]);
            kind.take_while(|byte| *byte != 0).eq(*b"tmpfs")
        })
    }

    /// Is the file system this is on this host's memory, and nothing else?
    #[cfg(not(target_os = "netbsd"))]
    fn is_in_memory(&self) -> bool {
        const TMPFS: i64 = 0x0102_1994;
        self.file_system_kind() == Ok(TMPFS)
    }

    /// Show every name in this directory.
    pub fn list(&self, each: &mut dyn FnMut(&CStr)) -> Result<(), c_int> {
        let directory = Self::open_at(self.0, c".", libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
        // SAFETY: the descriptor is open on a directory.
        let stream = unsafe { libc::fdopendir(directory.0) };
        if stream.is_null() {
            return Err(errno());
        }
        core::mem::forget(directory); // it is the stream's now
        loop {
            // SAFETY: the stream is open; no other thread has it.
            let entry = unsafe { libc::readdir(stream) };
            if entry.is_null() {
                break;
            }
            // SAFETY: the name is terminated, and valid until the next call.
            each(unsafe { CStr::from_ptr((*entry).d_name.as_ptr()) });
        }
        // SAFETY: the stream is open and is not used again.
        unsafe { libc::closedir(stream) };
        Ok(())
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and is not used again.
        unsafe { libc::close(self.0) };
    }
}

/// A descriptor that is kept for a while, and what it was open on.  A process
/// that closes descriptors which are not its own, as closefrom(3) does, may
/// have opened another file of the same number by now.
pub struct Kept {
    descriptor: ManuallyDrop<Descriptor>,
    /// Of the file when it was opened.
    pub stat: libc::stat,
}

impl Kept {
    /// Keep a descriptor.
    pub fn new(descriptor: Descriptor) -> Result<Self, c_int> {
        let stat = descriptor.stat()?;
        Ok(Self {
            descriptor: ManuallyDrop::new(descriptor),
            stat,
        })
    }

    /// Is the descriptor still open on that file?
    pub fn is_itself(&self) -> bool {
        self.check().is_ok()
    }

    /// The error if it is not.
    pub fn check(&self) -> Result<(), c_int> {
        let stat = self.descriptor.stat()?;
        if (stat.st_dev, stat.st_ino) == (self.stat.st_dev, self.stat.st_ino) {
            Ok(())
        } else {
            Err(libc::EBADF)
        }
    }
}

impl core::ops::Deref for Kept {
    type Target = Descriptor;

    fn deref(&self) -> &Descriptor {
        &self.descriptor
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.is_itself() {
            // SAFETY: it is not used again.
            unsafe { ManuallyDrop::drop(&mut self.descriptor) };
        }
    }
}

/// The attributes of interest, whatever their types are on this port.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    clippy::cast_lossless
)]
pub fn attributes(stat: &libc::stat) -> Attributes {
    #[cfg(target_os = "netbsd")]
    let (mtime_part, ctime_part) = (stat.st_mtimensec, stat.st_ctimensec);
    #[cfg(not(target_os = "netbsd"))]
    let (mtime_part, ctime_part) = (stat.st_mtime_nsec, stat.st_ctime_nsec);
    Attributes {
        dev: stat.st_dev as u64,
        ino: stat.st_ino as u64,
        nlink: stat.st_nlink as u64,
        uid: stat.st_uid,
        size: stat.st_size as i64,
        kind: match stat.st_mode & libc::S_IFMT {
            libc::S_IFREG => Kind::Regular,
            libc::S_IFDIR => Kind::Directory,
            _ => Kind::Other,
        },
        mtime: ServerTime {
            seconds: stat.st_mtime as i64,
            nanoseconds: mtime_part as i64,
        },
        ctime: ServerTime {
            seconds: stat.st_ctime as i64,
            nanoseconds: ctime_part as i64,
        },
    }
}

/// When the file of that name was made, where the file system records it.
#[allow(clippy::unnecessary_cast)]
pub fn birth_time(dir: &Descriptor, name: &CStr) -> Option<i64> {
    #[cfg(target_os = "netbsd")]
    let birth = Some(dir.stat_at(name).ok()?.st_birthtime as i64);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    let birth = {
        let mut found = MaybeUninit::<libc::statx>::uninit();
        let flags = libc::AT_SYMLINK_NOFOLLOW;
        let mask = libc::STATX_BTIME;
        // SAFETY: name is terminated; statx fills the structure when it
        // succeeds.
        checked(|| unsafe { libc::statx(dir.0, name.as_ptr(), flags, mask, found.as_mut_ptr()) })
            .ok()?;
        // SAFETY: it succeeded.
        let found = unsafe { found.assume_init() };
        (found.stx_mask & mask != 0).then_some(found.stx_btime.tv_sec)
    };
    #[cfg(not(any(target_os = "netbsd", all(target_os = "linux", target_env = "gnu"))))]
    let birth = {
        let _ = (dir, name);
        None
    };
    birth.filter(|birth| *birth > 0)
}

/// Does this error from opening a file to read mean that there is one, which
/// cannot be read: a link, a socket, another's that may not be read, or one
/// on which somebody has a lease?
pub fn is_unreadable(errno: c_int) -> bool {
    #[cfg(target_os = "netbsd")]
    if errno == libc::EFTYPE {
        return true;
    }
    matches!(
        errno,
        libc::ELOOP
            | libc::EMLINK
            | libc::EACCES
            | libc::EPERM
            | libc::ENXIO
            | libc::EOPNOTSUPP
            | libc::EWOULDBLOCK
    )
}

fn clock(id: libc::clockid_t) -> Span {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is valid for writes; these clocks always exist.
    unsafe { libc::clock_gettime(id, &raw mut now) };
    let seconds = Span::from_secs(u64::try_from(now.tv_sec).unwrap_or(0));
    seconds.plus(Span::from_nanos(u64::try_from(now.tv_nsec).unwrap_or(0)))
}

/// The clock that no one sets.  On Linux `CLOCK_MONOTONIC` stops while the
/// machine sleeps, and a lock would look fresh when it wakes up.
pub fn monotonic() -> Span {
    #[cfg(target_os = "linux")]
    let id = libc::CLOCK_BOOTTIME;
    #[cfg(not(target_os = "linux"))]
    let id = libc::CLOCK_MONOTONIC;
    clock(id)
}

/// Sleep, or return early after a signal.
pub fn sleep(time: Span) {
    let nanoseconds = time.as_nanos();
    #[allow(clippy::unnecessary_fallible_conversions)] // the sizes differ
    let time = libc::timespec {
        tv_sec: libc::time_t::try_from(nanoseconds / 1_000_000_000).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::try_from(nanoseconds % 1_000_000_000).unwrap_or(0),
    };
    // SAFETY: the structure is valid for reads; the rest is not asked for.
    unsafe { libc::nanosleep(&raw const time, core::ptr::null_mut()) };
}

/// So many seconds have passed since a time of this host's clock.
pub fn seconds_since(time: i64) -> i64 {
    let now = clock(libc::CLOCK_REALTIME).as_nanos() / 1_000_000_000;
    i64::try_from(now).unwrap_or(0).saturating_sub(time)
}

/// Random bits from the kernel.
pub fn random() -> u64 {
    let mut bytes = [0_u8; 8];
    #[cfg(target_os = "netbsd")]
    // SAFETY: the buffer is valid for writes of its length.
    unsafe {
        libc::arc4random_buf(bytes.as_mut_ptr().cast(), bytes.len());
    }
    #[cfg(not(target_os = "netbsd"))]
    // SAFETY: the buffer is valid for writes of its length.
    if checked(|| unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) }).is_err() {
        // A kernel older than getrandom(2), or one that forbids it: time and
        // process tell two locks apart as well; nothing secret hangs on it.
        let pid = u64::try_from(pid()).unwrap_or(0);
        let now = clock(libc::CLOCK_REALTIME).as_nanos().to_ne_bytes();
        return crate::name::fnv1a(&now) ^ pid.rotate_left(32);
    }
    u64::from_ne_bytes(bytes)
}

/// This process.
pub fn pid() -> i32 {
    // SAFETY: takes and returns nothing but a number.
    unsafe { libc::getpid() }
}

/// The longest name of a host.
const HOST_NAME_MAX: usize = 255;

/// This host's name, terminated.
pub fn host_name() -> [u8; HOST_NAME_MAX + 1] {
    let mut name = [0_u8; HOST_NAME_MAX + 1];
    let to: *mut c_char = name.as_mut_ptr().cast();
    // SAFETY: one byte less than the buffer has is offered, so that the last
    // one stays the terminator even where the name does not fit.
    unsafe { libc::gethostname(to, HOST_NAME_MAX) };
    name
}

/// A directory in this host's memory where everybody may make files.
pub fn memory_directory() -> Option<Descriptor> {
    #[cfg(target_os = "netbsd")]
    const PLACES: [&CStr; 2] = [c"/var/shm", c"/tmp"];
    #[cfg(not(target_os = "netbsd"))]
    const PLACES: [&CStr; 1] = [c"/dev/shm"];
    PLACES.iter().find_map(|place| {
        let dir = Descriptor::open_directory_at(libc::AT_FDCWD, place).ok()?;
        dir.is_in_memory().then_some(dir)
    })
}

/// What is known of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// It has ended, even if its parent has not been told yet.
    Gone,
    /// It was started then, in units that are the system's own.
    Since(u64),
    /// It cannot be found out.
    Unknown,
}

/// What is known of the process that has this id now?
pub fn process(pid: i32) -> Process {
    if pid <= 0 {
        return Process::Unknown;
    }
    // NetBSD has no signals for one that is about to end, and still closes its
    // files.
    #[cfg(target_os = "netbsd")]
    if let Some(found) = start(pid) {
        return found;
    }
    // SAFETY: signal 0 is sent to nobody.
    if once(|| unsafe { libc::kill(pid, 0) }) == Err(libc::ESRCH) {
        return Process::Gone;
    }
    start(pid).unwrap_or(Process::Unknown)
}

/// What tells apart the processes that have the same id, or see another clock,
/// on one kernel.
#[cfg(target_os = "netbsd")]
#[allow(clippy::unnecessary_wraps)]
pub fn namespaces() -> Option<u64> {
    Some(0)
}

/// What tells apart the processes that have the same id, or see another clock,
/// on one kernel.
#[cfg(not(target_os = "netbsd"))]
pub fn namespaces() -> Option<u64> {
    let of = |path| stat(path).map(|stat| stat.st_ino);
    let ids = of(c"/proc/self/ns/pid")?;
    // Older kernels have one clock for all.
    let clocks = of(c"/proc/self/ns/time").unwrap_or(0);
    Some(ids.rotate_left(32) ^ clocks)
}

#[cfg(not(target_os = "netbsd"))]
fn stat(path: &CStr) -> Option<libc::stat> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: path is terminated; stat fills the structure when it succeeds.
    checked(|| unsafe { libc::stat(path.as_ptr(), stat.as_mut_ptr()) }).ok()?;
    // SAFETY: it succeeded.
    Some(unsafe { stat.assume_init() })
}

/// When a process was started.
#[cfg(target_os = "netbsd")]
fn start(pid: i32) -> Option<Process> {
    // From sys/proc.h.
    const SDYING: u64 = 3;
    const SZOMB: u64 = 5;
    const SDEAD: u64 = 6;
    let found = process_information(pid)?;
    match found.p_realstat {
        SZOMB | SDEAD => return Some(Process::Gone),
        SDYING => return Some(Process::Unknown),
        _ if found.p_pid != pid || found.p_uvalid == 0 => return Some(Process::Unknown),
        _ => {}
    }
    let seconds = Span::from_secs(u64::from(found.p_ustart_sec));
    let rest = Span::from_micros(u64::from(found.p_ustart_usec));
    Some(Process::Since(seconds.plus(rest).as_nanos()))
}

/// When this process was started.
#[cfg(target_os = "netbsd")]
pub fn own_start() -> Option<u64> {
    match start(pid())? {
        Process::Since(start) => Some(start),
        Process::Gone | Process::Unknown => None,
    }
}

/// When this process was started; nothing where /proc is another namespace's,
/// in which it has another id, and so have the others.
#[cfg(not(target_os = "netbsd"))]
pub fn own_start() -> Option<u64> {
    match start_in(c"/proc/self/stat", pid())? {
        Process::Since(start) => Some(start),
        Process::Gone | Process::Unknown => None,
    }
}

#[cfg(not(target_os = "netbsd"))]
fn start(pid: i32) -> Option<Process> {
    let path = process_file(pid, b"/stat")?;
    start_in(CStr::from_bytes_until_nul(&path).ok()?, pid)
}

/// When a process was started: the 22nd word of /proc/PID/stat, in ticks since
/// the system was.
#[cfg(not(target_os = "netbsd"))]
fn start_in(path: &CStr, pid: i32) -> Option<Process> {
    let file = Descriptor::open_at(libc::AT_FDCWD, path, libc::O_RDONLY, 0).ok()?;
    let mut text = [0; 1024];
    let len = file.read(&mut text).ok()?;
    let text = text.get(..len)?;
    let id = text.split(|byte| *byte == b' ').next()?;
    if number(id) != u64::try_from(pid).ok() {
        return None;
    }
    // The second word is the program's name in parentheses, whatever is in it.
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    let mut words = text
        .get(name_end.checked_add(2)?..)?
        .split(|byte| *byte == b' ');
    let state = words.next()?;
    let threads = number(words.nth(16)?)?;
    let started = number(words.nth(1)?)?;
    // The first thread may be a zombie while others go on.
    if matches!(state, b"Z" | b"X") && threads <= 1 {
        return Some(Process::Gone);
    }
    Some(Process::Since(started))
}

#[cfg(not(target_os = "netbsd"))]
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
        number.checked_mul(10)?.checked_add(value.into())
    })
}

#[cfg(target_os = "netbsd")]
fn process_information(pid: i32) -> Option<libc::kinfo_proc2> {
    let mut request = [
        libc::CTL_KERN,
        libc::KERN_PROC2,
        libc::KERN_PROC_PID,
        pid,
        c_int::try_from(size_of::<libc::kinfo_proc2>()).ok()?,
        1,
    ];
    let mut found = MaybeUninit::<libc::kinfo_proc2>::zeroed();
    let mut len = size_of::<libc::kinfo_proc2>();
    let result = checked(|| unsafe {
        // SAFETY: the request has six elements, and the kernel fills at most
        // len bytes of the structure.
        libc::sysctl(
            request.as_mut_ptr(),
            6,
            found.as_mut_ptr().cast(),
            &raw mut len,
            core::ptr::null(),
            0,
        )
    });
    if result.is_err() || len == 0 {
        return None;
    }
    // SAFETY: zero is valid for every member, and so is what the kernel put.
    Some(unsafe { found.assume_init() })
}

/// The path of a file of /proc that tells of a process, terminated.
#[cfg(not(target_os = "netbsd"))]
fn process_file(pid: i32, file: &[u8]) -> Option<[u8; 32]> {
    let mut digits = [0; 10];
    let mut rest = u32::try_from(pid).ok().filter(|pid| *pid > 0)?;
    let mut first = digits.len();
    while rest > 0 {
        first = first.checked_sub(1)?;
        *digits.get_mut(first)? = u8::try_from(rest % 10).unwrap_or(0) | b'0';
        rest /= 10;
    }
    let parts = [b"/proc/".as_slice(), digits.get(first..)?, file];
    // "/proc/", the number, the file's name, and a terminator.
    let mut path = [0; 32];
    for (to, from) in path.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
    Some(path)
}

/// The name of the program that a process of this host runs, terminated, or
/// nothing where it cannot be known.
#[cfg(target_os = "netbsd")]
pub fn program_name(pid: i32) -> Option<[u8; 32]> {
    let found = process_information(pid)?;
    let mut name = [0; 32];
    for (to, from) in name.iter_mut().take(31).zip(found.p_comm.iter()) {
        *to = from.to_ne_bytes()[0];
    }
    Some(name)
}

/// The name of the program that a process of this host runs, terminated, or
/// nothing where it cannot be known.
#[cfg(not(target_os = "netbsd"))]
pub fn program_name(pid: i32) -> Option<[u8; 32]> {
    let path = process_file(pid, b"/comm")?;
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    let file = Descriptor::open_at(libc::AT_FDCWD, path, libc::O_RDONLY, 0).ok()?;
    let mut name = [0; 32];
    let len = file.read(name.get_mut(..31)?).ok()?;
    if let Some(newline) = name.get_mut(len.checked_sub(1)?) {
        *newline = 0;
    }
    Some(name)
}
