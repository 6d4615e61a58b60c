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

//! What the system is asked for without the type system's help, and where the systems differ.

use core::ffi::{c_char, c_int, CStr};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{CString, OsString};
use std::io::{stderr, stdin};
use std::os::fd::{AsFd, IntoRawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::poll::{poll, PollFd, PollFlags};
use nix::sys::signal::{kill, sigaction, SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::sys::stat::{stat, umask, Mode};
use nix::sys::wait::{waitpid, WaitStatus};
use nix::unistd::{fork, getegid, geteuid, getgid, getuid, pipe, setsid, ForkResult, Gid, Uid};

use crate::recipient::Recipient;
use crate::status::Status;

// All that a delivery asks the system for comes from this file, so that it can run, as it is, on a
// simulated one that loses replies, power and messages at every step.
pub use nfslock::{Holder, Lock};
pub use nix::fcntl::{fcntl, openat};
pub use nix::sys::stat::{fchmod, fchmodat, fstat, fstatat, FileStat};
pub use nix::unistd::fchown;
pub use std::fs::File;
pub use std::io::Write;
pub use std::os::fd::{AsRawFd, OwnedFd};
pub use std::os::unix::fs::FileExt;
pub use std::time::{Instant, SystemTime, UNIX_EPOCH};

extern "C" {
    /// What getenv(3) reads.  Removing one variable after the other trips over malformed ones.
    static mut environ: *mut *mut c_char;
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static DEAF: AtomicBool = AtomicBool::new(false);

/// Memory of the system's.  Where there is none left the message is to be retried, and not, as with
/// Rust's own answer to that, a core dump to be explained.
struct Memory;

#[global_allocator]
static MEMORY: Memory = Memory;

// SAFETY: the system's allocator keeps the rules, and a failure does not return.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the rules.
        or_end(unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the rules.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the rules.
        or_end(unsafe { System.realloc(memory, layout, size) })
    }
}

fn or_end(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        const LINE: &[u8] = b"mail.local: out of memory\n";
        // SAFETY: the line lives for ever, and _exit does not return.
        unsafe {
            libc::write(2, LINE.as_ptr().cast(), LINE.len());
            libc::_exit(Status::Temporary.code());
        }
    }
    memory
}

/// The arguments after the program's name.
pub fn arguments(count: c_int, values: *const *const c_char) -> Vec<Vec<u8>> {
    let count = usize::try_from(count).unwrap_or(0);
    let mut arguments = Vec::new();
    for index in 1..count {
        // SAFETY: the C runtime hands over so many pointers to strings that live as long as the process.
        let argument = unsafe { CStr::from_ptr(*values.add(index)) };
        arguments.push(argument.to_bytes().to_vec());
    }
    arguments
}

/// Make a process of what the caller left, whatever that is.  The answer tells whether standard input
/// is open.
pub fn prepare() -> Result<bool, Errno> {
    let input_open = fill_descriptors()?;
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    set_signals()?;
    raise_limits();
    reduce_environment();
    Ok(input_open)
}

/// Have the descriptors 0 to 2 open: a mailbox that got one of those numbers would be read as the
/// message, or get the error messages.
fn fill_descriptors() -> Result<bool, Errno> {
    for number in 0..=2 {
        // SAFETY: F_GETFD takes any number and touches no memory.
        if unsafe { libc::fcntl(number, libc::F_GETFD) } != -1 {
            continue;
        }
        // SAFETY: the path is a C string; the descriptor is meant to stay open.
        let opened = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
        if Errno::result(opened)? != number {
            return Err(Errno::EBADF);
        }
    }
    Ok(!is_filled(&stdin()))
}

/// Whether standard input was closed.  NetBSD's kernel does as above before a setuid program begins;
/// whoever says </dev/null opens that for reading alone.
fn is_filled(input: &impl AsFd) -> bool {
    let both =
        fcntl(input, FcntlArg::F_GETFL).is_ok_and(|flags| flags & libc::O_ACCMODE == libc::O_RDWR);
    let null = stat("/dev/null").map(|null| null.st_rdev);
    both && fstat(input).is_ok_and(|input| {
        input.st_mode & libc::S_IFMT == libc::S_IFCHR && Ok(input.st_rdev) == null
    })
}

/// Signals are asked about, not suffered: a process that dies of one leaves its lock and half a
/// message behind.  After exec(2) the others do what the system does, or are ignored; nothing here
/// depends on them.
fn set_signals() -> Result<(), Errno> {
    use Signal::{
        SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGPROF, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU,
        SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
    };
    const ASK: &[Signal] = &[
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU,
    ];
    // A write past a limit shall fail, not kill; and whoever holds a lock does not stop.
    const REFUSE: &[Signal] = &[
        SIGPIPE, SIGXFSZ, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
    ];
    for (signals, handler) in [
        (ASK, SigHandler::Handler(interrupt)),
        (REFUSE, SigHandler::SigIgn),
    ] {
        let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        for signal in signals {
            // SAFETY: the handler does nothing but store to an atomic.
            unsafe { sigaction(*signal, &action) }?;
        }
    }
    SigSet::empty().thread_set_mask()
}

extern "C" fn interrupt(_: c_int) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Whether a signal asked the process to stop.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Go on in a session of one's own, where no terminal reaches.  On NetBSD who has the other side of a
/// pseudo-terminal sends any signal, SIGSTOP and SIGKILL as well, to whatever is in the foreground of
/// this (TIOCSIG, see tty(4)).  What stays in the caller's session tells that it is asked to stop, and
/// ends as the other does.
pub fn leave_session() -> Result<(), Errno> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: there is no handler.  Of children whose end is ignored the system keeps no status.
    unsafe { sigaction(Signal::SIGCHLD, &default) }?;
    let (ended, running) = pipe()?;
    // SAFETY: the process has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Child => {
            // Its end closes that.
            core::mem::forget(running);
            return setsid().map(drop);
        }
        ForkResult::Parent { child } => child,
    };
    drop(running);
    let mut wanted = [PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
    let mut told = false;
    loop {
        // Once: each interrupts a system call of the other's, which may be the one that undoes things.
        if interrupted() && !told {
            told = kill(child, Signal::SIGTERM).is_ok();
        }
        // Never for longer than a second: a signal may have come just before.
        match poll(&mut wanted, 1000_u16) {
            Ok(0) | Err(Errno::EINTR) => {}
            _ => break,
        }
    }
    let status = loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, status)) => break status,
            Err(Errno::EINTR) => {}
            _ => break Status::Temporary.code(),
        }
    };
    // SAFETY: this does not return.  What there is to tell the other has told.
    unsafe { libc::_exit(status) }
}

/// A limit that the caller set low would cut a message off, or end the process in the middle of one.
/// What cannot be raised shows as a failure where it matters.
fn raise_limits() {
    let limit = |resource, soft, hard| {
        let limit = libc::rlimit {
            rlim_cur: soft,
            rlim_max: hard,
        };
        // SAFETY: the structure is read only.
        unsafe { libc::setrlimit(resource, &raw const limit) == 0 }
    };
    limit(libc::RLIMIT_CORE, 0, 0);
    for (resource, wanted) in [
        (libc::RLIMIT_FSIZE, libc::RLIM_INFINITY),
        (libc::RLIMIT_CPU, libc::RLIM_INFINITY),
        (libc::RLIMIT_DATA, libc::RLIM_INFINITY),
        (libc::RLIMIT_STACK, libc::RLIM_INFINITY),
        (libc::RLIMIT_AS, libc::RLIM_INFINITY),
        // No system gives as many as one likes.
        (libc::RLIMIT_NOFILE, 256),
    ] {
        let mut old = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the structure is the kernel's to fill.
        if unsafe { libc::getrlimit(resource, &raw mut old) } == 0
            && old.rlim_cur < wanted
            && !limit(resource, wanted, wanted.max(old.rlim_max))
        {
            limit(resource, old.rlim_max, old.rlim_max);
        }
    }
}

/// Keep the time zone of the environment alone, and of a setuid program's not one that names any file
/// of the caller's choice.
fn reduce_environment() {
    let own = getuid() == geteuid() && getgid() == getegid();
    let zone = std::env::var_os("TZ").filter(|zone| own || is_harmless(zone));
    let nothing = Box::leak(Box::new([core::ptr::null_mut()]));
    // SAFETY: there is one thread, and a null pointer ends an environment.
    unsafe { environ = nothing.as_mut_ptr() };
    if let Some(zone) = zone {
        std::env::set_var("TZ", zone);
    }
}

fn is_harmless(zone: &OsString) -> bool {
    let zone = zone.as_bytes();
    let name = zone.strip_prefix(b":").unwrap_or(zone);
    !name.starts_with(b"/") && !name.windows(2).any(|pair| pair == b"..")
}

/// Read standard input, but never wait for longer than a second: a signal may have come just before.
pub fn read_input(buffer: &mut [u8]) -> Result<usize, Errno> {
    let input = stdin();
    let mut wanted = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    if poll(&mut wanted, 1000_u16)? == 0 {
        return Err(Errno::EAGAIN);
    }
    nix::unistd::read(&input, buffer)
}

/// Write to standard error, but do not wait for a reader who has stopped reading: the other recipients
/// wait for their mail.
pub fn write_error(line: &str) {
    if DEAF.load(Ordering::Relaxed) {
        return;
    }
    let error = stderr();
    let mut wanted = [PollFd::new(error.as_fd(), PollFlags::POLLOUT)];
    if !matches!(poll(&mut wanted, 200_u16), Ok(1..)) {
        DEAF.store(true, Ordering::Relaxed);
        return;
    }
    let _ = nix::unistd::write(&error, line.as_bytes());
}

/// How much a line matters.
#[derive(Clone, Copy)]
pub enum Priority {
    /// Something failed.
    Error,
    /// Something is odd.
    Notice,
    /// Something was done: of interest to a caller who asks, not to the system's log.
    Step,
}

/// Write a line to the system's log.
pub fn log(priority: Priority, line: &str) {
    let priority = match priority {
        Priority::Error => libc::LOG_ERR,
        Priority::Notice => libc::LOG_NOTICE,
        Priority::Step => return,
    };
    let Ok(line) = CString::new(line) else {
        return;
    };
    // SAFETY: the name is static, as openlog(3) keeps it, and the format takes one C string.
    unsafe {
        libc::openlog(c"mail.local".as_ptr(), libc::LOG_PID, libc::LOG_MAIL);
        libc::syslog(priority, c"%s".as_ptr(), line.as_ptr());
    }
}

/// Sleep, but wake up for a signal.
pub fn pause(time: Duration) {
    let milliseconds = u16::try_from(time.as_millis()).unwrap_or(u16::MAX);
    let _ = poll(&mut [], milliseconds);
}

/// Look a user up, by the bytes of a name in whatever encoding.
pub fn find_user(name: &[u8]) -> Result<Option<Recipient>, Errno> {
    const ENOUGH: usize = 1 << 20;
    let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
    let mut buffer: Vec<c_char> = vec![0; 1024];
    loop {
        let mut found = core::ptr::null_mut();
        // SAFETY: the structure is numbers and pointers, for which all zeros are values; the call fills
        // it, and the buffer, whose length it is told, with strings that live as long.
        let errno = unsafe {
            let mut entry: libc::passwd = core::mem::zeroed();
            let errno = libc::getpwnam_r(
                name.as_ptr(),
                &raw mut entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                &raw mut found,
            );
            if errno == 0 && !found.is_null() {
                let bytes = |text| CStr::from_ptr(text).to_bytes().to_vec();
                return Ok(Some(Recipient {
                    name: bytes(entry.pw_name),
                    uid: Uid::from_raw(entry.pw_uid),
                    gid: Gid::from_raw(entry.pw_gid),
                    home: OsString::from_vec(bytes(entry.pw_dir)).into(),
                }));
            }
            errno
        };
        match errno {
            0 => return Ok(None),
            libc::ERANGE if buffer.len() < ENOUGH => {
                buffer.resize(buffer.len().saturating_mul(2), 0);
            }
            errno => return Err(Errno::from_raw(errno)),
        }
    }
}

/// Whether this host has a NIS domain, see domainname(1).
pub fn has_nis_domain() -> bool {
    let mut domain = [0_u8; 256];
    // SAFETY: the call is told how long the memory is that it fills.
    let result = unsafe { libc::getdomainname(domain.as_mut_ptr().cast(), domain.len()) };
    let domain = CStr::from_bytes_until_nul(&domain).map_or(b"?".as_slice(), CStr::to_bytes);
    // Linux has a name for none.
    result != 0 || !matches!(domain, b"" | b"(none)")
}

/// The name under which the caller logged in.
pub fn login_name() -> Option<String> {
    // SAFETY: the answer is null or a C string that stays as it is until the next call.
    unsafe {
        let name = libc::getlogin();
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// Be this user and group, and nothing else ever again.
pub fn give_up_privilege(uid: Uid, gid: Gid) -> Result<(), Errno> {
    // SAFETY: these calls take numbers and touch no memory.
    unsafe {
        // Real and effective together: that sets the saved ones too.
        Errno::result(libc::setregid(gid.as_raw(), gid.as_raw()))?;
        Errno::result(libc::setreuid(uid.as_raw(), uid.as_raw()))?;
        if !uid.is_root() && libc::seteuid(0) != -1 {
            return Err(Errno::EPERM);
        }
    }
    Ok(())
}

/// The time now as ctime(3) has it, in local time.
pub fn local_date() -> String {
    let mut text = [0_u8; 64];
    // SAFETY: struct tm is numbers and a pointer, for which all zeros are values; localtime_r fills it,
    // and strftime, which speaks English as nobody calls setlocale(3), is told how long the text may be.
    let length = unsafe {
        let now = libc::time(core::ptr::null_mut());
        let mut time: libc::tm = core::mem::zeroed();
        libc::localtime_r(&raw const now, &raw mut time);
        let format = c"%a %b %e %H:%M:%S %Y".as_ptr();
        libc::strftime(
            text.as_mut_ptr().cast(),
            text.len(),
            format,
            &raw const time,
        )
    };
    String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned()
}

/// Have a file on stable storage.
#[cfg(not(target_os = "netbsd"))]
pub fn sync(file: &File) -> Result<(), Errno> {
    nix::unistd::fsync(file)
}

/// Have a file, which is open for writing, on stable storage.
#[cfg(target_os = "netbsd")]
pub fn sync(file: &File) -> Result<(), Errno> {
    // From <unistd.h>.
    const FFILESYNC: c_int = 0x20;
    const FDISKSYNC: c_int = 0x40;
    extern "C" {
        fn fsync_range(file: c_int, how: c_int, start: libc::off_t, length: libc::off_t) -> c_int;
    }
    // fsync(2) leaves it in the disk's cache; and on FFS with a log it does not write the log, which
    // has the file's new size, unless blocks of the file are in that as well.  fsync_range(2) of a part
    // does both, but syncs no more than that part: ffs_fsync() and ffs_full_fsync() in
    // sys/ufs/ffs/ffs_vnops.c.
    nix::unistd::fsync(file)?;
    // A length of 0 would be all of it, and done as fsync(2) does that.
    // SAFETY: the descriptor is open, and no memory is touched.
    let flushed = unsafe { fsync_range(file.as_raw_fd(), FFILESYNC | FDISKSYNC, 0, 1) };
    match Errno::result(flushed) {
        // The disk has no cache that can be flushed, and some file systems pass that on.
        Ok(_) | Err(Errno::ENODEV | Errno::ENOTTY | Errno::EOPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Where a byte first stands.  Much faster than looking at each byte, which std does not show.
pub fn position(byte: u8, bytes: &[u8]) -> Option<usize> {
    let start = bytes.as_ptr();
    // SAFETY: the bytes are valid for reads of their length.
    let found = unsafe { libc::memchr(start.cast(), byte.into(), bytes.len()) };
    (!found.is_null()).then(|| (found as usize).saturating_sub(start as usize))
}

/// Close a file and tell what that says.
pub fn close(file: File) -> Result<(), Errno> {
    // SAFETY: the descriptor is this file's alone, and nobody has it after this.
    match Errno::result(unsafe { libc::close(file.into_raw_fd()) }) {
        // The descriptor is closed, and what was written has been synced before.
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Take the kernel's locks on a file, if nobody has them.
///
/// NetBSD's flock(2) and fcntl(2) exclude each other, so one is enough.  On Linux they do not know of
/// each other, and readers use either; but on NFS its flock(2) is an fcntl(2), and would exclude us.
pub fn try_lock(file: &File, on_nfs: bool) -> Result<bool, Errno> {
    let linux = cfg!(target_os = "linux");
    let alone = linux && on_nfs;
    if !alone && !granted(flock(file, libc::LOCK_EX | libc::LOCK_NB), on_nfs)? {
        return Ok(false);
    }
    if linux && !granted(lock_region(file), on_nfs)? {
        if !alone {
            flock(file, libc::LOCK_UN)?;
        }
        return Ok(false);
    }
    Ok(true)
}

fn granted(result: Result<(), Errno>, on_nfs: bool) -> Result<bool, Errno> {
    match result {
        Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) => Ok(false),
        // A file system without such locks has none to heed, nor has a mount without a lock manager:
        // the dotlock is what excludes other hosts.
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(true),
        Err(Errno::ENOLCK) if on_nfs => Ok(true),
        result => result.map(|()| true),
    }
}

fn flock(file: &File, operation: c_int) -> Result<(), Errno> {
    // SAFETY: the descriptor is open, and no memory is touched.
    Errno::result(unsafe { libc::flock(file.as_raw_fd(), operation) }).map(drop)
}

#[allow(clippy::cast_possible_truncation)]
fn lock_region(file: &File) -> Result<(), Errno> {
    // SAFETY: all zeros are values of this structure of numbers: from its start to whatever end.
    let mut region: libc::flock = unsafe { core::mem::zeroed() };
    region.l_type = libc::F_WRLCK as libc::c_short;
    region.l_whence = libc::SEEK_SET as libc::c_short;
    fcntl(file, FcntlArg::F_SETLK(&region)).map(drop)
}

/// Whether a file lies on NFS.
#[cfg(target_os = "linux")]
pub fn is_on_nfs(file: &impl AsFd) -> Result<bool, Errno> {
    use nix::sys::statfs::{fstatfs, NFS_SUPER_MAGIC};
    Ok(fstatfs(file)?.filesystem_type() == NFS_SUPER_MAGIC)
}

/// Whether a file lies on NFS.
#[cfg(not(target_os = "linux"))]
pub fn is_on_nfs(file: &impl AsFd) -> Result<bool, Errno> {
    // SAFETY: the structure is numbers and arrays of them, and fstatvfs(2) fills it.
    let name = unsafe {
        let mut information: libc::statvfs = core::mem::zeroed();
        let descriptor = file.as_fd().as_raw_fd();
        Errno::result(libc::fstatvfs(descriptor, &raw mut information))?;
        information.f_fstypename
    };
    let nfs = [b'n', b'f', b's', 0];
    Ok(name
        .iter()
        .zip(nfs)
        .all(|(have, want)| have.to_ne_bytes() == [want]))
}

/// What std asks of the unwinder in the C compiler's library.  A panic ends this program: nothing is
/// unwound.  But to print the way to a panic, std brings half of this program's code, and for that
/// library the loader works longer at each start than the delivery at its locks.
#[cfg(all(panic = "abort", not(test)))]
mod unwinder {
    use core::arch::global_asm;
    use core::ffi::{c_int, c_void};

    /// From `<unwind.h>`.
    const END_OF_STACK: c_int = 5;

    #[no_mangle]
    extern "C" fn _Unwind_Backtrace(_: *const c_void, _: *mut c_void) -> c_int {
        END_OF_STACK
    }

    // Not for others in this process: a module of the name service may be in C++, and unwind.
    global_asm!(".hidden _Unwind_Backtrace");

    macro_rules! never_called {
        ($($name:ident)*) => {
            $(
                global_asm!(concat!(".hidden ", stringify!($name)));

                #[no_mangle]
                extern "C" fn $name() {
                    std::process::abort();
                }
            )*
        };
    }
    never_called! {
        _Unwind_GetDataRelBase _Unwind_GetIP _Unwind_GetIPInfo _Unwind_GetLanguageSpecificData
        _Unwind_GetRegionStart _Unwind_GetTextRelBase _Unwind_Resume _Unwind_SetGR _Unwind_SetIP
    }
}
