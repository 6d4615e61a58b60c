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

//! The lockers, behind one trait.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::raw::{c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use libloading::Library;

use crate::peers::Peers;

/// A way to lock a mailbox.
pub trait Locker {
    fn name(&self) -> &str;

    /// The package it is of; "" for ours and the kernel's.
    fn package(&self) -> &'static str {
        ""
    }

    /// Does it wait for a lock that another has?
    fn waits(&self) -> bool {
        true
    }

    /// Is it a command that is executed?
    fn executes(&self) -> bool {
        false
    }

    /// What a process does once for a mailbox.
    fn open(&self, mailbox: &Path) -> io::Result<Box<dyn Lock>>;
}

/// One process's way to one mailbox's lock.
pub trait Lock {
    fn acquire(&mut self) -> io::Result<()>;
    fn release(&mut self) -> io::Result<()>;
}

fn lock_name(mailbox: &Path) -> PathBuf {
    let mut name = mailbox.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn c_string(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("no NUL in a path")
}

fn failed(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

pub const OURS: &str = "ours";
pub const OURS_KEPT: &str = "ours, kept";
pub const FLOCK: &str = "flock";
pub const EXCL: &str = "O_EXCL";
pub const EXCL_CHECKED: &str = "O_EXCL+check";
pub const LIBLOCKFILE: &str = "liblockfile";

/// libnfslock.
pub struct Ours {
    /// With one handle for all locks.
    pub kept: bool,
}

struct OurLock {
    mailbox: CString,
    handle: Option<nfslock::Lock>,
    kept: bool,
}

impl Locker for Ours {
    fn name(&self) -> &str {
        if self.kept {
            OURS_KEPT
        } else {
            OURS
        }
    }

    fn open(&self, mailbox: &Path) -> io::Result<Box<dyn Lock>> {
        Ok(Box::new(OurLock {
            mailbox: c_string(mailbox),
            handle: None,
            kept: self.kept,
        }))
    }
}

impl Lock for OurLock {
    fn acquire(&mut self) -> io::Result<()> {
        let options = nfslock::Options::default();
        if let Some(lock) = &mut self.handle {
            return lock.relock(None, &options).map_err(|_| failed("relock"));
        }
        let lock = nfslock::Lock::acquire(&self.mailbox, &options);
        self.handle = Some(lock.map_err(|_| failed("acquire"))?);
        Ok(())
    }

    fn release(&mut self) -> io::Result<()> {
        if let (true, Some(lock)) = (self.kept, &mut self.handle) {
            return lock.unlock().map_err(|_| failed("unlock"));
        }
        let lock = self.handle.take().ok_or_else(|| failed("not held"))?;
        lock.release().map_err(|_| failed("release"))
    }
}

/// The kernel's lock, on a file that is kept open: the limit of all that wait.
pub struct Flock;

struct FlockLock(File);

impl Locker for Flock {
    fn name(&self) -> &str {
        FLOCK
    }

    fn open(&self, mailbox: &Path) -> io::Result<Box<dyn Lock>> {
        let file = OpenOptions::new().create(true).append(true).open(mailbox)?;
        Ok(Box::new(FlockLock(file)))
    }
}

impl Lock for FlockLock {
    fn acquire(&mut self) -> io::Result<()> {
        flock(&self.0, libc::LOCK_EX)
    }

    fn release(&mut self) -> io::Result<()> {
        flock(&self.0, libc::LOCK_UN)
    }
}

fn flock(file: &File, how: c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open.
    match unsafe { libc::flock(file.as_raw_fd(), how) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// open(O_CREAT | O_EXCL), close and unlink: the least that a dotlock costs.
pub struct Excl {
    /// With contents, and a look at them before the unlink.
    pub checked: bool,
}

struct ExclLock {
    path: PathBuf,
    checked: bool,
}

const TOKEN: &[u8; 16] = b"0123456789abcdef";

impl Locker for Excl {
    fn name(&self) -> &str {
        if self.checked {
            EXCL_CHECKED
        } else {
            EXCL
        }
    }

    fn waits(&self) -> bool {
        false
    }

    fn open(&self, mailbox: &Path) -> io::Result<Box<dyn Lock>> {
        Ok(Box::new(ExclLock {
            path: lock_name(mailbox),
            checked: self.checked,
        }))
    }
}

impl Lock for ExclLock {
    fn acquire(&mut self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o444);
        let mut file = options.open(&self.path)?;
        if self.checked {
            file.write_all(TOKEN)?;
        }
        Ok(())
    }

    fn release(&mut self) -> io::Result<()> {
        if self.checked {
            let mut found = [0; TOKEN.len()];
            File::open(&self.path)?.read_exact(&mut found)?;
            if found != *TOKEN {
                return Err(failed("stolen"));
            }
        }
        fs::remove_file(&self.path)
    }
}

/// int lockfile_create(const char *, int retries, int flags).
type Create = unsafe extern "C" fn(*const c_char, c_int, c_int) -> c_int;
/// int lockfile_remove(const char *).
type Remove = unsafe extern "C" fn(*const c_char) -> c_int;

/// liblockfile, by dlopen(3).  Its functions are looked up once, as a linker
/// would do it.
#[derive(Clone)]
pub struct LibLockfile {
    create: Create,
    remove: Remove,
    /// They are in it.
    _library: Rc<Library>,
}

struct LibLockfileLock {
    library: LibLockfile,
    path: CString,
}

impl LibLockfile {
    fn load(peers: &Peers) -> Result<Self, libloading::Error> {
        let path = peers.library("liblockfile.so.1");
        // SAFETY: the library's initialisers are those of C, and the types
        // those of its header; the functions are called while it is loaded.
        unsafe {
            let library = Library::new(&path)?;
            Ok(Self {
                create: *library.get::<Create>(b"lockfile_create\0")?,
                remove: *library.get::<Remove>(b"lockfile_remove\0")?,
                _library: Rc::new(library),
            })
        }
    }
}

impl Locker for LibLockfile {
    fn name(&self) -> &str {
        LIBLOCKFILE
    }

    fn package(&self) -> &'static str {
        "liblockfile1"
    }

    fn open(&self, mailbox: &Path) -> io::Result<Box<dyn Lock>> {
        Ok(Box::new(LibLockfileLock {
            library: self.clone(),
            path: c_string(&lock_name(mailbox)),
        }))
    }
}

impl Lock for LibLockfileLock {
    fn acquire(&mut self) -> io::Result<()> {
        // SAFETY: a C string.
        match unsafe { (self.library.create)(self.path.as_ptr(), 1000, 0) } {
            0 => Ok(()),
            _ => Err(failed("lockfile_create")),
        }
    }

    fn release(&mut self) -> io::Result<()> {
        // SAFETY: a C string.
        match unsafe { (self.library.remove)(self.path.as_ptr()) } {
            0 => Ok(()),
            _ => Err(failed("lockfile_remove")),
        }
    }
}

/// How a command's lock is let go.
#[derive(Clone, Copy)]
enum Letting {
    /// By another command, with these arguments.
    Command(&'static [&'static str]),
    /// By the removal of the lock.
    Removal,
    /// The command ran another one under the lock, which ends when its input
    /// does.
    End,
}

/// A command that locks.  In the arguments, LOCK and MAILBOX stand for paths.
pub struct Executed {
    name: &'static str,
    package: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    letting: Letting,
    environment: Vec<(&'static str, String)>,
}

struct ExecutedLock {
    take: Vec<String>,
    give: Vec<String>,
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
    letting: Letting,
    lock: PathBuf,
    under: Option<Child>,
}

impl Locker for Executed {
    fn name(&self) -> &str {
        self.name
    }

    fn package(&self) -> &'static str {
        self.package
    }

    fn executes(&self) -> bool {
        true
    }

    fn open(&self, mailbox: &Path) -> io::Result<Box<dyn Lock>> {
        let lock = lock_name(mailbox);
        let fill = |word: &str| {
            word.replace("LOCK", &lock.to_string_lossy())
                .replace("MAILBOX", &mailbox.to_string_lossy())
        };
        let give = match self.letting {
            Letting::Command(arguments) => arguments.iter().map(|word| fill(word)).collect(),
            _ => Vec::new(),
        };
        // mutt_dotlock and others look at the mailbox itself.
        OpenOptions::new().create(true).append(true).open(mailbox)?;
        Ok(Box::new(ExecutedLock {
            take: self.arguments.iter().map(|word| fill(word)).collect(),
            give,
            program: self.program.clone(),
            environment: self.environment.clone(),
            letting: self.letting,
            lock,
            under: None,
        }))
    }
}

impl ExecutedLock {
    fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn run(&self, arguments: &[String]) -> io::Result<()> {
        if self.command(arguments).status()?.success() {
            Ok(())
        } else {
            Err(failed("the command failed"))
        }
    }
}

impl Lock for ExecutedLock {
    fn acquire(&mut self) -> io::Result<()> {
        if !matches!(self.letting, Letting::End) {
            return self.run(&self.take);
        }
        let mut command = self.command(&self.take);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut byte = [0];
        let told = child.stdout.take().map(|mut out| out.read_exact(&mut byte));
        if !matches!(told, Some(Ok(()))) {
            child.wait()?;
            return Err(failed("the command failed"));
        }
        self.under = Some(child);
        Ok(())
    }

    fn release(&mut self) -> io::Result<()> {
        match self.letting {
            Letting::Command(_) => self.run(&self.give),
            Letting::Removal => fs::remove_file(&self.lock),
            Letting::End => {
                let mut child = self.under.take().ok_or_else(|| failed("not held"))?;
                drop(child.stdin.take());
                child.wait().map(drop)
            }
        }
    }
}

/// What runs under the lock of lockmail and postlock.
const UNDER: [&str; 3] = ["/bin/sh", "-c", "echo; read end; :"];

fn executed(peers: &Peers) -> Vec<Executed> {
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|&word| word.to_owned())
            .collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    let mut add = |name, package, program: &str, arguments: Vec<String>, letting, environment| {
        if let Some(program) = peers.program(name, package, program) {
            all.push(Executed {
                name,
                package,
                program,
                arguments,
                letting,
                environment,
            });
        }
    };
    // Of the peers' own ways to wait, the most eager that their options have.
    add(
        "dotlockfile",
        "liblockfile-bin",
        "dotlockfile",
        words(&["-q", "-l", "-i", "1", "-r", "10", "LOCK"]),
        Letting::Command(&["-u", "LOCK"]),
        vec![],
    );
    add(
        "lockfile",
        "procmail",
        "lockfile",
        words(&["-1", "-r", "10", "LOCK"]),
        Letting::Removal,
        vec![],
    );
    // After more than ten tries it would say that it has the lock.
    add(
        "mutt_dotlock",
        "mutt",
        "mutt_dotlock",
        words(&["-r", "5", "MAILBOX"]),
        Letting::Command(&["-u", "MAILBOX"]),
        vec![],
    );
    add(
        "lockmail",
        "maildrop",
        "lockmail.maildrop",
        words(&[&["-t", "20", "MAILBOX"], &UNDER[..]].concat()),
        Letting::End,
        vec![],
    );
    add(
        "postlock",
        "postfix",
        "postlock",
        words(&[&["-c", &peers.postfix(), "MAILBOX"], &UNDER[..]].concat()),
        Letting::End,
        vec![("LD_LIBRARY_PATH", peers.library_path())],
    );
    all
}

/// All lockers, those in this process first.  What is missing is told to
/// the peers.
pub fn all(peers: &Peers) -> Vec<Box<dyn Locker>> {
    let mut all: Vec<Box<dyn Locker>> = vec![
        Box::new(Excl { checked: false }),
        Box::new(Excl { checked: true }),
        Box::new(Flock),
        Box::new(Ours { kept: false }),
        Box::new(Ours { kept: true }),
    ];
    match LibLockfile::load(peers) {
        Ok(library) => all.push(Box::new(library)),
        Err(why) => peers.miss(LIBLOCKFILE, &why.to_string()),
    }
    for one in executed(peers) {
        all.push(Box::new(one));
    }
    all
}
