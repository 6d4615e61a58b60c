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

//! The system of mail.local's delivery, on the simulated world: what its own
//! module of this name has from the real one.

use std::ffi::{c_int, CStr};
use std::fmt;
use std::io;
use std::time::Duration;

use nfslock::lock;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, OFlag};
use nix::sys::stat::{FchmodatFlags, Mode};
use nix::unistd::{geteuid, Gid, Uid};

use crate::mount::Mount;
use crate::process::{after, ask, is_dying, now, simply, tell, trace, wait, with, Fate, Kind};
use crate::world::{World, MAILBOX};

fn io_error(errno: c_int) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

/// A moment on the monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(Duration);

impl Instant {
    pub fn now() -> Self {
        Self(Duration::from_nanos(now()))
    }

    pub fn elapsed(&self) -> Duration {
        Self::now().saturating_duration_since(*self)
    }

    pub fn checked_add(&self, time: Duration) -> Option<Self> {
        self.0.checked_add(time).map(Self)
    }

    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The clock of the day, which is asked for nothing but chance.
pub struct SystemTime;
pub const UNIX_EPOCH: SystemTime = SystemTime;

impl SystemTime {
    pub fn now() -> Self {
        Self
    }

    #[allow(clippy::unused_self, clippy::needless_pass_by_value)]
    pub fn duration_since(&self, _: Self) -> Option<Duration> {
        let chance = with(|world, me| world.random(me)) % 1000;
        tell(chance);
        Some(Duration::from_nanos(chance))
    }
}

pub fn pause(time: Duration) {
    wait(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), None);
}

pub fn interrupted() -> bool {
    let interrupted = with(|world, me| world.interrupted.contains(&me));
    tell(interrupted);
    interrupted
}

/// A file that is open, or the mailbox's directory.
pub struct OwnedFd {
    number: Option<u64>,
    writable: bool,
    closed: bool,
}

pub type File = OwnedFd;

impl OwnedFd {
    pub fn of_directory() -> Self {
        Self {
            number: None,
            writable: false,
            closed: true,
        }
    }

    fn open(number: u64, writable: bool) -> Self {
        Self {
            number: Some(number),
            writable,
            closed: false,
        }
    }

    fn number(&self) -> Result<u64, c_int> {
        self.number.ok_or(libc::EISDIR)
    }

    fn finish(&mut self) -> Result<(), c_int> {
        let Some(number) = self.number.filter(|_| !self.closed) else {
            return Ok(());
        };
        self.closed = true;
        let fate = ask(Kind::Close, MAILBOX, None);
        if is_dying() {
            return Err(libc::EIO);
        }
        let sent = match fate {
            // Not closed at all would be worse than any system is.
            Fate::Fails(errno) | Fate::ServedButFails(errno) => flush(number).and(Err(errno)),
            _ => flush(number),
        };
        // Those of fcntl(2), of this process on this file, end with the first
        // descriptor that is closed.
        with(|world, me| {
            world.unlock(me, number);
            if self.writable {
                world.closed(me);
            }
        });
        after(Kind::Close, fate);
        tell(sent.is_ok());
        sent
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// Send what the server does not have, as far as it takes it.
fn flush(number: u64) -> Result<(), c_int> {
    let drop_parts = |most| {
        for _ in 0..most {
            with(|world, me| world.drop_part(world.host_of[me], number));
        }
    };
    let mut failed = Ok(());
    while with(|world, me| {
        let host = world.host_of[me];
        Ok::<_, c_int>(!world.cached(host, number)?.dirty.is_empty())
    })? {
        let fate = ask(Kind::Send, MAILBOX, None);
        let send = || with(|world, me| world.send_part(world.host_of[me], number));
        match fate {
            Fate::Fails(errno) => {
                if errno == libc::EINTR {
                    return Err(errno);
                }
                drop_parts(1);
                failed = Err(errno);
            }
            Fate::ServedButFails(errno) => {
                send()?;
                failed = Err(errno);
            }
            Fate::FailsAfter(count, errno) => {
                for _ in 0..count {
                    send()?;
                }
                drop_parts(64);
                failed = Err(errno);
            }
            Fate::FailsBefore(count, errno) => {
                drop_parts(count);
                failed = Err(errno);
            }
            _ => {
                send()?;
            }
        }
        after(Kind::Send, fate);
        if is_dying() {
            return Err(libc::EIO);
        }
    }
    failed
}

/// What fstat(2) tells.
pub struct FileStat {
    pub st_dev: u64,
    pub st_ino: u64,
    pub st_nlink: u64,
    pub st_mode: libc::mode_t,
    pub st_uid: libc::uid_t,
    pub st_gid: libc::gid_t,
    pub st_size: libc::off_t,
}

impl FileStat {
    fn new(world: &World, number: u64, size: usize) -> Result<Self, c_int> {
        Ok(Self {
            st_dev: 7,
            st_ino: number,
            st_nlink: world.file(number)?.nlink,
            st_mode: libc::S_IFREG | libc::S_IRUSR | libc::S_IWUSR,
            st_uid: geteuid().as_raw(),
            st_gid: 0,
            st_size: size as libc::off_t,
        })
    }

    fn told(result: Result<Self, c_int>) -> Result<Self, Errno> {
        if let Ok(stat) = &result {
            tell((stat.st_ino, stat.st_nlink, stat.st_size));
            trace(|| format!("    file {}, {} bytes", stat.st_ino, stat.st_size));
        }
        result.map_err(Errno::from_raw)
    }
}

pub struct Metadata(u64);

#[allow(clippy::len_without_is_empty)]
impl Metadata {
    pub fn len(&self) -> u64 {
        self.0
    }
}

pub fn openat(
    _: &OwnedFd,
    name: &(impl AsRef<CStr> + ?Sized),
    flags: OFlag,
    _: Mode,
) -> Result<OwnedFd, Errno> {
    let name = name.as_ref();
    let writable = flags.intersects(OFlag::O_RDWR | OFlag::O_WRONLY);
    let opened = simply(Kind::Open, name, |world, me| {
        let number = if flags.contains(OFlag::O_CREAT | OFlag::O_EXCL) {
            world.create(name, Vec::new())?
        } else {
            world.find(name)?
        };
        world.revalidate(world.host_of[me], number)?;
        if !writable {
            world.checks(me);
        }
        Ok(number)
    });
    opened
        .map(|number| OwnedFd::open(number, writable))
        .map_err(Errno::from_raw)
}

/// The flags are all for O_APPEND, which every file here is opened with.
pub fn fcntl(_: &OwnedFd, _: FcntlArg) -> Result<c_int, Errno> {
    Ok(0)
}

pub fn fchown(_: &OwnedFd, _: Option<Uid>, _: Option<Gid>) -> Result<(), Errno> {
    Ok(())
}

pub fn fchmod(_: &OwnedFd, _: Mode) -> Result<(), Errno> {
    Ok(())
}

pub fn fchmodat(
    _: &OwnedFd,
    _: &(impl AsRef<CStr> + ?Sized),
    _: Mode,
    _: FchmodatFlags,
) -> Result<(), Errno> {
    Ok(())
}

pub fn fstat(file: &OwnedFd) -> Result<FileStat, Errno> {
    FileStat::told(simply(Kind::Attributes, MAILBOX, |world, me| {
        let number = file.number()?;
        let size = world.cached(world.host_of[me], number)?.data.len();
        FileStat::new(world, number, size)
    }))
}

pub fn fstatat(
    _: &OwnedFd,
    name: &(impl AsRef<CStr> + ?Sized),
    _: AtFlags,
) -> Result<FileStat, Errno> {
    let name = name.as_ref();
    FileStat::told(simply(Kind::Stat, name, |world, _| {
        let number = world.find(name)?;
        FileStat::new(world, number, world.file(number)?.data.len())
    }))
}

pub trait Write {
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
}

impl Write for File {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let number = self.number().map_err(io_error)?;
        let fate = ask(Kind::Write, MAILBOX, None);
        let count = match fate {
            Fate::Fails(errno) => return Err(io_error(errno)),
            Fate::Short => bytes.len().div_ceil(2),
            _ => bytes.len(),
        };
        let written = with(|world, me| {
            world.append(me, number, &bytes[..count])?;
            if fate == Fate::SentAtOnce {
                world.send_part(world.host_of[me], number)?;
            }
            Ok(count)
        });
        after(Kind::Write, fate);
        tell(written);
        written.map_err(io_error)
    }
}

pub trait FileExt {
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;
}

impl FileExt for File {
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let read = simply(Kind::Read, MAILBOX, |world, me| {
            let number = self.number()?;
            let data = &world.cached(world.host_of[me], number)?.data;
            let at = usize::try_from(at).map_err(|_| libc::EINVAL)?;
            let part = data.get(at..at + buffer.len());
            Ok(part.map(crate::world::text))
        });
        tell(&read);
        let part = read.map_err(io_error)?;
        let part = part.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        buffer.copy_from_slice(&part);
        Ok(())
    }
}

impl File {
    /// All of it.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let size = self.metadata()?.len();
        let mut text = vec![0; usize::try_from(size).unwrap_or(0)];
        self.read_exact_at(&mut text, 0)?;
        Ok(text)
    }

    pub fn metadata(&self) -> io::Result<Metadata> {
        let stat = fstat(self).map_err(io::Error::from)?;
        Ok(Metadata(u64::try_from(stat.st_size).unwrap_or(0)))
    }

    pub fn set_len(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).map_err(|_| io_error(libc::EFBIG))?;
        loop {
            let set = simply(Kind::SetSize, MAILBOX, |world, me| {
                world.truncate(me, self.number()?, size)
            });
            // As the standard library's.
            if set != Err(libc::EINTR) {
                return set.map_err(io_error);
            }
        }
    }

    pub fn try_clone(&self) -> io::Result<Self> {
        let number = self.number().map_err(io_error)?;
        Ok(Self::open(number, self.writable))
    }
}

pub fn sync(file: &File) -> Result<(), Errno> {
    let number = file.number().map_err(Errno::from_raw)?;
    loop {
        flush(number).map_err(Errno::from_raw)?;
        let synced = simply(Kind::Sync, MAILBOX, |world, me| {
            world.commit(world.host_of[me], number)
        });
        if synced.map_err(Errno::from_raw)? {
            return Ok(());
        }
    }
}

pub fn close(mut file: File) -> Result<(), Errno> {
    match file.finish() {
        Err(libc::EINTR) => Ok(()),
        closed => closed.map_err(Errno::from_raw),
    }
}

pub fn try_lock(file: &File, _: bool) -> Result<bool, Errno> {
    let locked = simply(Kind::TryLock, MAILBOX, |world, me| {
        world.lock(me, file.number()?)
    });
    tell(locked);
    match locked {
        Err(libc::ENOLCK) => Ok(true),
        Err(libc::EINTR) => Ok(false),
        locked => locked.map_err(Errno::from_raw),
    }
}

#[allow(clippy::unnecessary_wraps)]
pub fn is_on_nfs(_: &OwnedFd) -> Result<bool, Errno> {
    Ok(with(|world, _| !world.local))
}

/// Have the directory on stable storage: it always is.
pub fn sync_directory() -> Result<(), Errno> {
    simply(Kind::SyncDirectory, MAILBOX, |_, _| Ok(())).map_err(Errno::from_raw)
}

pub trait AsRawFd {
    fn as_raw_fd(&self) -> c_int;
}

impl AsRawFd for OwnedFd {
    fn as_raw_fd(&self) -> c_int {
        0
    }
}

/// The lock that ships, in the one directory there is.
pub struct Lock(lock::Lock<Mount>);

impl Lock {
    pub fn acquire_at(
        _: c_int,
        mailbox: &CStr,
        options: &nfslock::Options,
    ) -> Result<Self, nfslock::Failure> {
        let lock = lock::Lock::acquire_in(Mount, mailbox, true, options)?;
        with(|world, me| world.holders.insert(me));
        Ok(Self(lock))
    }

    pub fn verify(&self) -> Result<(), nfslock::Failure> {
        self.0.verify()
    }

    pub fn refresh(&mut self) -> Result<(), nfslock::Failure> {
        self.0.refresh()
    }

    pub fn release(self) -> Result<(), nfslock::Failure> {
        with(|world, me| world.holders.remove(&me));
        self.0.release()
    }
}

/// Who has the lock is told to people alone.
pub struct Holder;

impl Holder {
    #[allow(clippy::unnecessary_wraps)]
    pub fn at(_: c_int, _: &CStr) -> Result<Option<Self>, nfslock::Failure> {
        Ok(None)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("somebody")
    }
}
