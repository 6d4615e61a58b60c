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

//! The world that simulated processes live in: one server with one directory,
//! the kernels of its clients, and what time it is.
//!
//! That real kernels do what these do is seen in tests/cluster/h_kernels.py.
//!
//! This is data alone.  What a request does when it takes effect is here; when
//! it does so, and what becomes of its reply, is [`crate::explore`]'s choice.
//! Everything that can make a difference to what happens later is hashed, so
//! that an exploration knows where it has been.

use std::collections::BTreeMap;
use std::ffi::{c_int, CStr, CString};
use std::hash::{Hash, Hasher};

use nfslock::filesystem::{Attributes, Kind, ServerTime};
use nfslock::identity::Token;

use crate::check::Check;

/// A moment or a span in nanoseconds.  A run begins at 0.
pub type Nanos = u64;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// The one lock that all processes want.
pub const LOCK: &CStr = c"user.lock";

/// For how long a client answers from its cache: so long Linux believes a
/// directory that has not changed, and what it knows of the names in it.
const CACHED: Nanos = 60 * SECOND;

/// What is left in the host's memory is kept that long.
const KEPT: Nanos = 86_400 * SECOND;

/// The server's clock when a run begins.
const EPOCH: i64 = 1_000_000_000 * 1_000_000_000;

/// Attributes as a client keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stat {
    pub ino: u64,
    pub nlink: u64,
    pub uid: u32,
    pub size: usize,
    pub mtime: i64,
    pub ctime: i64,
}

impl Stat {
    /// As the protocol wants them.
    pub fn attributes(self) -> Attributes {
        let time = |nanos: i64| ServerTime {
            seconds: nanos.div_euclid(1_000_000_000),
            nanoseconds: nanos.rem_euclid(1_000_000_000),
        };
        Attributes {
            dev: 7,
            ino: self.ino,
            nlink: self.nlink,
            uid: self.uid,
            size: i64::try_from(self.size).unwrap(),
            kind: Kind::Regular,
            mtime: time(self.mtime),
            ctime: time(self.ctime),
        }
    }
}

/// What tells a file from a later one with the same number, as a file handle
/// of NFS does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle {
    pub ino: u64,
    born: Nanos,
    /// The process that made it.
    pub maker: usize,
}

/// A regular file.
#[derive(Clone, Debug, Hash)]
pub struct File {
    pub contents: Vec<u8>,
    pub nlink: u64,
    uid: u32,
    mtime: i64,
    ctime: i64,
    /// When it was last changed so that one can see it, whatever the server's
    /// clock says: a clock that was set back may give it the times it had.
    pub changed: Nanos,
    pub handle: Handle,
}

impl File {
    fn bear(&mut self, mtime: i64, ctime: i64, now: Nanos) {
        if (self.mtime, self.ctime) != (mtime, ctime) {
            (self.mtime, self.ctime, self.changed) = (mtime, ctime, now);
        }
    }
}

/// The server: names, files, and a clock that can be set.
#[derive(Default)]
pub struct Server {
    pub names: BTreeMap<CString, u64>,
    pub files: BTreeMap<u64, File>,
    /// What its clock says beyond the time that has passed.
    pub clock: i64,
    /// It records times in whole seconds.
    pub coarse: bool,
}

impl Server {
    fn time(&self, now: Nanos) -> i64 {
        let time = EPOCH + self.clock + i64::try_from(now).unwrap();
        if self.coarse {
            time - time.rem_euclid(1_000_000_000)
        } else {
            time
        }
    }

    /// The file under a name.
    pub fn find(&self, name: &CStr) -> Result<&File, c_int> {
        let ino = self.names.get(name).ok_or(libc::ENOENT)?;
        Ok(&self.files[ino])
    }

    /// The file of a handle, whatever its names are.
    pub fn open(&mut self, handle: Handle) -> Result<&mut File, c_int> {
        let file = self.files.get_mut(&handle.ino);
        file.filter(|file| file.handle == handle)
            .ok_or(libc::ESTALE)
    }

    fn stat(file: &File) -> Stat {
        Stat {
            ino: file.handle.ino,
            nlink: file.nlink,
            uid: file.uid,
            size: file.contents.len(),
            mtime: file.mtime,
            ctime: file.ctime,
        }
    }

    fn make(&mut self, name: &CStr, maker: usize, now: Nanos, mtime: i64) -> Result<Handle, c_int> {
        if self.names.contains_key(name) {
            return Err(libc::EEXIST);
        }
        // A number that was freed is used again at once.
        let ino = (1..).find(|ino| !self.files.contains_key(ino)).unwrap();
        let handle = Handle {
            ino,
            born: now,
            maker,
        };
        let file = File {
            contents: Vec::new(),
            nlink: 1,
            uid: 100,
            mtime,
            ctime: self.time(now),
            changed: now,
            handle,
        };
        self.files.insert(ino, file);
        self.names.insert(name.to_owned(), ino);
        Ok(handle)
    }

    fn write(&mut self, handle: Handle, contents: &[u8], now: Nanos) -> Result<Stat, c_int> {
        let time = self.time(now);
        let file = self.open(handle)?;
        file.contents = contents.to_vec();
        file.bear(time, time, now);
        Ok(Self::stat(file))
    }

    fn set_times(&mut self, handle: Handle, now: Nanos) -> Result<(), c_int> {
        let time = self.time(now);
        self.open(handle)?.bear(time, time, now);
        Ok(())
    }

    fn link(&mut self, from: &CStr, to: &CStr, now: Nanos) -> Result<(), c_int> {
        let ino = self.find(from)?.handle.ino;
        if self.names.contains_key(to) {
            return Err(libc::EEXIST);
        }
        self.names.insert(to.to_owned(), ino);
        self.relink(ino, 1, now);
        Ok(())
    }

    fn unlink(&mut self, name: &CStr, now: Nanos) -> Result<(), c_int> {
        let ino = self.names.remove(name).ok_or(libc::ENOENT)?;
        self.relink(ino, -1, now);
        Ok(())
    }

    fn rename(&mut self, from: &CStr, to: &CStr, now: Nanos) -> Result<(), c_int> {
        let ino = self.find(from)?.handle.ino;
        if self.names.get(to) == Some(&ino) {
            return Ok(());
        }
        if self.names.contains_key(to) {
            self.unlink(to, now)?;
        }
        self.names.remove(from);
        self.names.insert(to.to_owned(), ino);
        self.relink(ino, 0, now);
        Ok(())
    }

    fn relink(&mut self, ino: u64, change: i64, now: Nanos) {
        let time = self.time(now);
        let file = self.files.get_mut(&ino).unwrap();
        file.nlink = file.nlink.checked_add_signed(change).unwrap();
        file.bear(file.mtime, time, now);
        if file.nlink == 0 {
            self.files.remove(&ino);
        }
    }
}

/// What a process asks of its host's place for the locks' processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Appear(Token),
    Withdraw(usize),
    Ring(usize),
    Neighbour(Token),
    IsDead(Token),
    Inherit(Token),
    LineUp(Token, Token),
    NextAfter(Token),
    StepOut(Token),
    Tidy,
}

/// What a process asks, and is suspended until it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Make an empty file that was not there.
    Make(CString),
    Write(Handle, Vec<u8>),
    Link(CString, CString),
    Stat(CString),
    Look(CString),
    SetTimes(Handle),
    Unlink(CString),
    Rename(CString, CString),
    List,
    Place(Ask),
    Wait(Nanos),
    Outlived(usize, Nanos),
    /// End at once, as `_exit(2)` does.
    Exit,
}

impl Call {
    /// Does the server change something for it?
    pub fn changes(&self) -> bool {
        matches!(
            self,
            Call::Make(_)
                | Call::Write(..)
                | Call::Link(..)
                | Call::SetTimes(_)
                | Call::Unlink(_)
                | Call::Rename(..)
        )
    }

    /// Is it a request to the file system?
    pub fn is_request(&self) -> bool {
        self.changes() || matches!(self, Call::Stat(_) | Call::Look(_) | Call::List)
    }

    /// Does it ask for nothing, and wait?
    pub fn is_wait(&self) -> bool {
        matches!(self, Self::Wait(_) | Self::Outlived(..))
    }

    /// Does no other process see or change what it asks for?  The names of
    /// temporaries and of what is put aside are one process's alone, but for
    /// a sweep.
    pub fn is_private(&self) -> bool {
        let private = |name: &CStr| {
            name.to_bytes().starts_with(b".nfslk.") || name.to_bytes().starts_with(b".nfslb.")
        };
        match self {
            Call::Make(name) | Call::Stat(name) | Call::Look(name) | Call::Unlink(name) => {
                private(name)
            }
            _ => false,
        }
    }
}

/// What it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is dead, and everything it asks for while it unwinds is denied.
    Dead,
    Done,
    Made(Result<Handle, c_int>),
    Stat(Result<Stat, c_int>),
    Unit(Result<(), c_int>),
    Looked(Result<(Stat, Vec<u8>, Handle), c_int>),
    Names(Result<Vec<CString>, c_int>),
    Bool(bool),
    Token(Option<Token>),
    Number(Option<usize>),
}

impl Answer {
    /// The same kind of answer to a call, but this error.
    pub fn error(call: &Call, errno: c_int) -> Self {
        match call {
            Call::Make(_) => Answer::Made(Err(errno)),
            Call::Write(..) | Call::Stat(_) => Answer::Stat(Err(errno)),
            Call::Look(_) => Answer::Looked(Err(errno)),
            Call::List => Answer::Names(Err(errno)),
            _ => Answer::Unit(Err(errno)),
        }
    }
}

impl Hash for Answer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        core::mem::discriminant(self).hash(state);
        match self {
            Answer::Dead | Answer::Done => {}
            Answer::Made(made) => made.hash(state),
            Answer::Stat(stat) => stat.hash(state),
            Answer::Unit(result) => result.hash(state),
            Answer::Looked(looked) => looked.hash(state),
            Answer::Names(names) => names.hash(state),
            Answer::Bool(answer) => answer.hash(state),
            Answer::Token(token) => token.map(|token| *token.as_bytes()).hash(state),
            Answer::Number(number) => number.hash(state),
        }
    }
}

pub type Key = [u8; Token::LEN];

/// A process that is or was present on its host.
#[derive(Hash)]
pub struct Present {
    pub process: usize,
    pub ended: bool,
    /// What was written for those who wait for its end.
    rung: u32,
}

impl Present {
    /// Is there something to tell to who waits for its end?
    pub fn has_news(&self) -> bool {
        self.ended || self.rung > 0
    }
}

/// What a place for the host's processes is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Meeting {
    /// As it should be.
    #[default]
    Honest,
    /// There is none.
    Missing,
    /// Another user has put there what harms the queue most.
    Hostile,
    /// What the dead have left there is another user's, whose heir nobody is.
    Refusing,
}

/// A host's kernel.
#[derive(Default, Hash)]
pub struct Kernel {
    pub name: &'static str,
    /// It is the server itself.
    pub local: bool,
    pub meeting: Meeting,
    /// What the host's clock says beyond the server's when a run begins.
    pub clock: i64,
    /// When its monotonic clock began, before a run does.
    pub up: Nanos,
    pub booted: Nanos,
    pub present: BTreeMap<Key, (usize, Nanos)>,
    pub behind: BTreeMap<Key, (Key, Nanos)>,
    pub cache: BTreeMap<CString, (Option<Stat>, Nanos)>,
    /// Which file a name was, or that it was none's, when the client last saw it.
    pub names: BTreeMap<CString, (Option<Handle>, Nanos)>,
    pub lies: u32,
}

impl Kernel {
    fn remember(&mut self, name: &CStr, stat: Option<Stat>, now: Nanos) {
        if !self.local {
            self.cache.insert(name.to_owned(), (stat, now));
        }
    }

    /// From now on a name is known to be this file's, or nobody's.
    fn resolve(&mut self, name: &CStr, handle: Option<Handle>, now: Nanos) {
        if !self.local {
            self.names.insert(name.to_owned(), (handle, now));
        }
    }

    /// A client that tries to make a name believes nothing of it until it has
    /// succeeded.
    fn try_to_make(&mut self, name: &CStr, made: Option<Handle>, now: Nanos) {
        self.names.remove(name);
        if made.is_some() {
            self.resolve(name, made, now);
        }
    }

    /// Is nobody present or lined up any more?
    pub fn is_empty(&self) -> bool {
        self.present.is_empty() && self.behind.is_empty()
    }
}

/// What a process is doing.
#[derive(Debug)]
pub enum Doing {
    /// It has not begun.
    Starting(Nanos),
    /// Its call takes effect then.
    Calling {
        call: Call,
        issued: Nanos,
        at: Nanos,
    },
    /// Its call took effect, and it hears of that then.
    Hearing(Answer, Nanos),
    /// It has ended by itself.
    Ended,
    /// It was killed, or has ended without cleaning up.
    Dead,
}

/// A process.
pub struct Process {
    pub host: usize,
    pub pid: i32,
    pub doing: Doing,
    /// A digest of everything that it was ever answered.  Protocol code is
    /// deterministic, so that this stands for all that it knows.
    pub history: u64,
    /// It runs the protocol under test, and things may go wrong for it.
    pub ours: bool,
    /// Every lock of its has a token by which its release sweeps.
    pub sweeps: bool,
    pub randoms: u64,
}

impl Process {
    /// Can it still do something?
    pub fn is_alive(&self) -> bool {
        !matches!(self.doing, Doing::Ended | Doing::Dead)
    }

    /// Does it wait for a time that has not come?
    pub fn sleeps(&self, now: Nanos) -> bool {
        matches!(&self.doing, Doing::Calling { call, at, .. } if call.is_wait() && *at > now)
    }

    /// When it does something next.
    pub fn next(&self) -> Option<Nanos> {
        match &self.doing {
            Doing::Starting(at) | Doing::Calling { at, .. } | Doing::Hearing(_, at) => Some(*at),
            Doing::Ended | Doing::Dead => None,
        }
    }

    /// Remember what it was answered.
    pub fn learn(&mut self, answer: impl Hash) {
        let mut hasher = Digest::default();
        self.history.hash(&mut hasher);
        answer.hash(&mut hasher);
        self.history = hasher.finish();
    }
}

/// A request that nobody waits for any more, on its way to the server.
#[derive(Debug)]
pub struct Flying {
    pub process: usize,
    pub call: Call,
    pub issued: Nanos,
    pub at: Nanos,
}

/// Everything.
pub struct World {
    pub now: Nanos,
    pub server: Server,
    pub kernels: Vec<Kernel>,
    pub presences: Vec<Present>,
    pub processes: Vec<Process>,
    pub flying: Vec<Flying>,
    pub check: Check,
    /// Chance, where it is not the same in every run.
    pub seed: u64,
    /// One line for each thing that happened, if it is wanted.
    pub trace: Option<Vec<String>>,
}

impl World {
    /// How the host of a process tells time, on a clock that nobody sets.
    pub fn monotonic(&self, process: usize) -> Nanos {
        let kernel = &self.kernels[self.processes[process].host];
        kernel.up + self.now - kernel.booted
    }

    /// What time the clock of its host shows, in nanoseconds since the Epoch.
    pub fn clock(&self, process: usize) -> i64 {
        let kernel = &self.kernels[self.processes[process].host];
        EPOCH + kernel.clock + i64::try_from(self.now).unwrap()
    }

    /// Is the directory on a disk of its host's own?
    pub fn is_local(&self, process: usize) -> bool {
        self.kernels[self.processes[process].host].local
    }

    /// A random number.
    pub fn random(&mut self, process: usize) -> u64 {
        let seed = self.seed;
        let state = &mut self.processes[process];
        state.randoms += 1;
        let mixed = mix(seed ^ mix(((process as u64) << 32) | state.randoms));
        // The low bits are the last digit of a token, and a zero sweeps; they
        // are the jitter of waiters as well, that in an exhaustive search do
        // ask in step.
        match (state.sweeps, seed) {
            (true, _) => mixed & !0xff,
            (false, 0) => mixed & !0xff | 1,
            (false, _) => mixed | 1,
        }
    }

    /// The file of the lock, and the process that made it.
    pub fn lock(&self) -> Option<&File> {
        self.server.find(LOCK).ok()
    }

    /// Does this host answer from its cache what is under that name?
    pub fn cached(&self, process: usize, name: &CStr) -> Option<Answer> {
        let kernel = &self.kernels[self.processes[process].host];
        let (stat, since) = kernel.cache.get(name)?;
        (self.now - since < CACHED).then(|| Answer::Stat(stat.ok_or(libc::ENOENT)))
    }

    /// What does this host find under a name that is another file's by now, or
    /// nobody's, or was nobody's before?  A client asks the server about the
    /// file when it opens it, but not about the name while it believes that the
    /// directory has not changed.
    pub fn resolved(&self, process: usize, name: &CStr) -> Option<Answer> {
        let kernel = &self.kernels[self.processes[process].host];
        let (known, since) = kernel.names.get(name)?;
        let there = self.server.names.get(name);
        if self.now - since >= CACHED {
            return None;
        }
        let Some(handle) = known else {
            return there.map(|_| Answer::Looked(Err(libc::ENOENT)));
        };
        let file = self.server.files.get(&handle.ino)?;
        let is_it = file.handle == *handle && there != Some(&handle.ino);
        is_it.then(|| Self::looked(file))
    }

    fn looked(file: &File) -> Answer {
        Answer::Looked(Ok((Server::stat(file), file.contents.clone(), file.handle)))
    }

    /// A call takes effect.
    pub fn execute(&mut self, process: usize, call: &Call, issued: Nanos) -> Answer {
        let now = self.now;
        let host = self.processes[process].host;
        if call.changes() {
            self.before_change(process, call, issued);
        }
        if matches!(call, Call::Look(name) if name.as_c_str() == LOCK) {
            self.before_look(process);
        }
        let kernel = &mut self.kernels[host];
        let server = &mut self.server;
        let answer = match call {
            Call::Make(name) => {
                // An exclusive create sets the times by the client's clock.
                let mtime = if kernel.local {
                    server.time(now)
                } else {
                    EPOCH + kernel.clock + i64::try_from(now).unwrap()
                };
                let made = server.make(name, process, now, mtime);
                kernel.try_to_make(name, made.ok(), now);
                Answer::Made(made)
            }
            Call::Write(handle, contents) => Answer::Stat(server.write(*handle, contents, now)),
            Call::Link(from, to) => {
                let linked = server.link(from, to, now);
                let handle = linked.ok().and_then(|()| server.find(to).ok());
                kernel.try_to_make(to, handle.map(|file| file.handle), now);
                Answer::Unit(linked)
            }
            Call::Stat(name) => {
                let stat = server.find(name).map(Server::stat);
                kernel.remember(name, stat.ok(), now);
                Answer::Stat(stat)
            }
            Call::Look(name) => {
                let found = server.find(name);
                kernel.remember(name, found.ok().map(Server::stat), now);
                kernel.resolve(name, found.ok().map(|file| file.handle), now);
                found.map_or_else(|errno| Answer::Looked(Err(errno)), Self::looked)
            }
            Call::SetTimes(handle) => Answer::Unit(server.set_times(*handle, now)),
            Call::Unlink(name) => {
                let result = server.unlink(name, now);
                kernel.remember(name, None, now);
                kernel.resolve(name, None, now);
                Answer::Unit(result)
            }
            Call::Rename(from, to) => {
                let result = server.rename(from, to, now);
                kernel.remember(from, None, now);
                kernel.cache.remove(to.as_c_str());
                kernel.names.remove(from.as_c_str());
                let handle = result.ok().and_then(|()| server.find(to).ok());
                kernel.try_to_make(to, handle.map(|file| file.handle), now);
                Answer::Unit(result)
            }
            Call::List => Answer::Names(Ok(server.names.keys().cloned().collect())),
            Call::Place(ask) => self.meet(process, *ask),
            Call::Wait(_) => Answer::Done,
            Call::Outlived(presence, _) => {
                let present = &mut self.presences[*presence];
                let heard = !present.ended && present.rung > 0;
                present.rung -= u32::from(heard);
                Answer::Bool(present.ended || heard)
            }
            Call::Exit => Answer::Dead,
        };
        match (call, &answer) {
            // What a client knows of a file that it has just made.
            (Call::Make(name), Answer::Made(Ok(handle))) => {
                let stat = self
                    .server
                    .open(*handle)
                    .ok()
                    .map(|file| Server::stat(file));
                self.kernels[host].remember(name, stat, now);
            }
            (Call::Write(handle, _), Answer::Stat(Ok(stat))) => {
                let named = |(_, ino): &(&CString, &u64)| **ino == handle.ino;
                if let Some((name, _)) = self.server.names.iter().find(named) {
                    self.kernels[host].remember(name, Some(*stat), now);
                }
            }
            _ => {}
        }
        let done = matches!(answer, Answer::Made(Ok(_)) | Answer::Unit(Ok(())));
        if done && call.changes() {
            self.after_change(process, call, issued);
        }
        answer
    }

    fn meet(&mut self, process: usize, ask: Ask) -> Answer {
        let now = self.now;
        let host = self.processes[process].host;
        let kernel = &mut self.kernels[host];
        if kernel.meeting == Meeting::Missing {
            return match ask {
                Ask::Appear(_) | Ask::Neighbour(_) => Answer::Number(None),
                Ask::NextAfter(_) => Answer::Token(None),
                _ => Answer::Bool(false),
            };
        }
        if kernel.meeting == Meeting::Hostile {
            // A presence that never ends, and places that lead in a circle,
            // and that only who made them can remove.
            let lie = |lies: u32| Token::new(b"liar", 1, 1, u64::from(lies % 3));
            match ask {
                Ask::LineUp(..) => return Answer::Bool(false),
                Ask::NextAfter(_) => {
                    kernel.lies += 1;
                    return Answer::Token(Some(lie(kernel.lies)));
                }
                Ask::Neighbour(_) => {
                    kernel.lies += 1;
                    let present = (kernel.lies % 3 != 0).then(|| {
                        self.presences.push(Present {
                            process: usize::MAX,
                            ended: false,
                            rung: 0,
                        });
                        self.presences.len() - 1
                    });
                    return Answer::Number(present);
                }
                _ => {}
            }
        }
        match ask {
            Ask::Appear(token) => {
                self.presences.push(Present {
                    process,
                    ended: false,
                    rung: 0,
                });
                let number = self.presences.len() - 1;
                kernel.present.insert(*token.as_bytes(), (number, now));
                Answer::Number(Some(number))
            }
            Ask::Withdraw(number) => {
                kernel.present.retain(|_, (present, _)| *present != number);
                Answer::Bool(true)
            }
            Ask::Ring(number) => {
                self.presences[number].rung += 1;
                self.wake(number);
                Answer::Done
            }
            Ask::Neighbour(token) => {
                let found = kernel
                    .present
                    .get(token.as_bytes())
                    .map(|(number, _)| *number);
                Answer::Number(found.filter(|number| {
                    let present = &mut self.presences[*number];
                    // Who looks takes what was written.
                    let rung = present.rung > 0;
                    present.rung -= u32::from(rung);
                    !present.ended && !rung
                }))
            }
            Ask::IsDead(token) => Answer::Bool(self.is_dead(host, &token)),
            Ask::Inherit(_) if kernel.meeting == Meeting::Refusing => Answer::Bool(false),
            Ask::Inherit(token) => Answer::Bool(kernel.present.remove(token.as_bytes()).is_some()),
            Ask::LineUp(ahead, own) => {
                let place = kernel.behind.entry(*ahead.as_bytes());
                let free = matches!(place, std::collections::btree_map::Entry::Vacant(_));
                place.or_insert((*own.as_bytes(), now));
                Answer::Bool(free)
            }
            Ask::NextAfter(ahead) => {
                let next = kernel.behind.get(ahead.as_bytes());
                Answer::Token(next.and_then(|(next, _)| Token::parse(next)))
            }
            Ask::StepOut(ahead) => {
                kernel.behind.remove(ahead.as_bytes());
                Answer::Done
            }
            Ask::Tidy => {
                self.tidy(host);
                Answer::Done
            }
        }
    }

    fn is_dead(&self, host: usize, token: &Token) -> bool {
        let present = self.kernels[host].present.get(token.as_bytes());
        present.is_some_and(|(number, _)| {
            let present = &self.presences[*number];
            let gone = |process: usize| !self.processes[process].is_alive();
            present.ended && gone(present.process)
        })
    }

    fn tidy(&mut self, host: usize) {
        let now = self.now;
        let (presences, processes) = (&self.presences, &self.processes);
        let Kernel {
            present, behind, ..
        } = &mut self.kernels[host];
        let is_there = |number: usize| !presences[number].ended;
        behind.retain(|_, (next, since)| {
            let next = present.get(next);
            now - *since < KEPT || next.is_some_and(|(number, _)| is_there(*number))
        });
        present.retain(|_, (number, since)| {
            now - *since < KEPT || processes[presences[*number].process].is_alive()
        });
    }

    /// Those who wait for the end of a presence look at it.
    fn wake(&mut self, number: usize) {
        let now = self.now;
        for process in &mut self.processes {
            if let Doing::Calling {
                call: Call::Outlived(awaited, _),
                at,
                ..
            } = &mut process.doing
            {
                if *awaited == number {
                    *at = now;
                }
            }
        }
    }

    /// Nobody has this presence any more.
    pub fn end_presence(&mut self, number: usize) {
        self.presences[number].ended = true;
        self.wake(number);
    }

    /// A process is over, and with it whatever the kernel kept for it.
    pub fn end(&mut self, process: usize, doing: Doing) {
        self.processes[process].doing = doing;
        for number in 0..self.presences.len() {
            if self.presences[number].process == process && !self.presences[number].ended {
                self.end_presence(number);
            }
        }
    }

    /// A host starts anew: it remembers nothing.
    pub fn boot(&mut self, host: usize) {
        let now = self.now;
        let kernel = &mut self.kernels[host];
        kernel.present.clear();
        kernel.behind.clear();
        kernel.cache.clear();
        kernel.names.clear();
        (kernel.booted, kernel.up) = (now, 0);
    }

    /// A line of the trace.
    pub fn say(&mut self, process: usize, what: &str) {
        if self.trace.is_some() {
            let (seconds, name) = (self.now as f64 / 1e9, self.name(process));
            let line = format!("{seconds:12.6} {name:>6} {what}");
            self.trace.get_or_insert_default().push(line);
        }
    }

    /// The name of a process, for those who read a trace.
    pub fn name(&self, process: usize) -> String {
        let state = &self.processes[process];
        format!("{}/{process}", self.kernels[state.host].name)
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.now.hash(state);
        self.server.names.hash(state);
        self.server.files.hash(state);
        self.server.clock.hash(state);
        self.kernels.hash(state);
        self.presences.hash(state);
        for process in &self.processes {
            process.history.hash(state);
            process.next().hash(state);
            match &process.doing {
                Doing::Calling { issued, .. } => issued.hash(state),
                Doing::Hearing(answer, _) => answer.hash(state),
                doing => core::mem::discriminant(doing).hash(state),
            }
        }
        for flying in &self.flying {
            (flying.process, flying.issued, flying.at).hash(state);
            // What it asks follows from the history of who sent it only while
            // that one is waiting for it.
            core::mem::discriminant(&flying.call).hash(state);
            if let Call::Unlink(name) | Call::Rename(name, _) | Call::Link(_, name) = &flying.call {
                name.hash(state);
            }
        }
        self.check.hash(state);
    }
}

/// A hash that is good enough to tell states apart, and fast.
#[derive(Default)]
pub struct Digest(u64);

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        mix(self.0)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mix(self.0 ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

/// One number for another, each bit of it depending on all (splitmix64).
pub fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
