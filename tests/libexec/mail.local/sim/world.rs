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

//! The file server, the kernels of the hosts that mount it, and what is true.
//!
//! The server has names and files; what was written and not committed is lost
//! when it crashes.  A host's kernel keeps what its processes write until it
//! is asked to sync, or until it likes, and shows its own processes what it
//! remembers of a file from when that was last opened or locked.  Each byte
//! knows who wrote it, so that no one can change another's unnoticed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{c_int, CStr, CString};
use std::hash::{Hash, Hasher};

use nfslock::identity::Token;

pub const SECOND: u64 = 1_000_000_000;
/// How late a request may be that the protocol counts on: less than half of
/// the time for which a guard settles.
pub const LATE: u64 = SECOND * 9 / 10;

/// The name of the mailbox, and of the lock beside it.
pub const MAILBOX: &CStr = c"joe";
pub const DOTLOCK: &CStr = c"joe.lock";

/// A byte, and the process that wrote it.
pub type Byte = (u8, usize);

#[derive(Clone, Hash)]
pub struct File {
    pub data: Vec<Byte>,
    /// What of it survives a crash of the server.
    pub stable: Vec<Byte>,
    pub nlink: u64,
    pub mtime: u64,
    pub ctime: u64,
    /// The processes that have the kernel's lock.
    pub locked: BTreeSet<usize>,
}

/// What a host's kernel has of a file.
#[derive(Clone, Default, Hash)]
pub struct Cached {
    /// The file as the host's processes see it.
    pub data: Vec<Byte>,
    /// The parts of it that the server does not have yet.
    pub dirty: Vec<(usize, usize)>,
    /// The parts that the server has and did not commit yet.
    pub sent: Vec<(usize, usize)>,
    /// The server had no room, and forgot what it did not commit: the page where
    /// the file ends is sent again, though it was cut off meanwhile.
    pub again: bool,
}

/// A process's presence on its host.
#[derive(Clone, Hash)]
pub struct Presence {
    pub process: usize,
    pub number: u64,
    pub ended: bool,
}

#[derive(Clone, Default, Hash)]
pub struct Host {
    pub cache: BTreeMap<u64, Cached>,
    pub present: BTreeMap<[u8; Token::LEN], Presence>,
    pub behind: BTreeMap<[u8; Token::LEN], [u8; Token::LEN]>,
}

/// A request that the server carries out after its sender was told, or died.
#[derive(Clone, Hash, Debug)]
pub enum Late {
    Link(CString, CString),
    Unlink(CString),
    Rename(CString, CString),
    /// A host's kernel writes what a dead process left with it.
    WriteBack(usize, u64),
    /// That process is gone for good.
    Gone(usize),
}

/// Who excludes whom by the kernel's locks.
#[derive(Clone, Copy, Hash, PartialEq, Eq, Debug)]
pub enum KernelLocks {
    /// All processes of all hosts each other.
    OfTheServer,
    /// The processes of one host each other.
    OfEachHost,
}

pub struct World {
    pub now: u64,
    pub names: BTreeMap<CString, u64>,
    pub files: BTreeMap<u64, File>,
    pub hosts: Vec<Host>,
    /// The host of each process.
    pub host_of: Vec<usize>,
    pub dead: BTreeSet<usize>,
    /// Whose kernel has closed all that they had open.
    pub gone: BTreeSet<usize>,
    /// Who came to an end of his own.
    pub over: BTreeSet<usize>,
    /// Who was stopped for longer than the protocol permits, or robbed.
    pub robbed: BTreeSet<usize>,
    /// Who was told that he has the lock, and did not begin to release it.
    pub holders: BTreeSet<usize>,
    /// Who of those could not see it yet, having not looked at the lock since.
    pub blind: BTreeSet<usize>,
    /// Whose lock stands no more, though he did not release it.
    pub lost: BTreeSet<usize>,
    /// Who finds that out before he may report success.
    pub must_fail: BTreeSet<usize>,
    pub interrupted: BTreeSet<usize>,
    pub late: Vec<(u64, Late)>,
    pub kernel_locks: KernelLocks,
    /// All processes run on the server itself.
    pub local: bool,
    /// Presences that have ended.
    pub ended: BTreeSet<u64>,
    presences: u64,
    random: Vec<u64>,
    /// What was found that must not be.
    pub wrong: Option<String>,
    /// Whose bytes were changed or removed by one of the robbed: since he
    /// could last look whether they are whole, and before.
    pub damaged: BTreeSet<usize>,
    pub damaged_before: BTreeSet<usize>,
    /// Processes whose message was removed by a reader that had read it whole.
    pub read: BTreeSet<usize>,
    /// The whole message of each process, if it delivers one.
    pub messages: Vec<Vec<u8>>,
    /// Processes that may change others' bytes, and those to whom a dotlock
    /// means nothing, or something else.
    pub readers: BTreeSet<usize>,
    pub outsiders: BTreeSet<usize>,
}

impl World {
    pub fn new(hosts: usize, kernel_locks: KernelLocks) -> Self {
        Self {
            now: 1000 * SECOND,
            names: BTreeMap::new(),
            files: BTreeMap::new(),
            hosts: vec![Host::default(); hosts],
            host_of: Vec::new(),
            dead: BTreeSet::new(),
            gone: BTreeSet::new(),
            over: BTreeSet::new(),
            robbed: BTreeSet::new(),
            holders: BTreeSet::new(),
            blind: BTreeSet::new(),
            lost: BTreeSet::new(),
            must_fail: BTreeSet::new(),
            interrupted: BTreeSet::new(),
            late: Vec::new(),
            kernel_locks,
            local: false,
            ended: BTreeSet::new(),
            presences: 0,
            random: Vec::new(),
            wrong: None,
            damaged: BTreeSet::new(),
            damaged_before: BTreeSet::new(),
            read: BTreeSet::new(),
            messages: Vec::new(),
            readers: BTreeSet::new(),
            outsiders: BTreeSet::new(),
        }
    }

    pub fn add_process(&mut self, host: usize) -> usize {
        self.host_of.push(host);
        self.random.push(self.host_of.len() as u64);
        self.messages.push(Vec::new());
        self.host_of.len() - 1
    }

    pub fn random(&mut self, process: usize) -> u64 {
        let state = &mut self.random[process];
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        *state >> 20
    }

    /// Everything that decides what happens from now on.
    pub fn hash_into(&self, state: &mut impl Hasher) {
        self.now.hash(state);
        self.names.hash(state);
        self.files.hash(state);
        self.hosts.hash(state);
        self.dead.hash(state);
        self.gone.hash(state);
        self.robbed.hash(state);
        self.holders.hash(state);
        self.blind.hash(state);
        self.lost.hash(state);
        self.must_fail.hash(state);
        self.interrupted.hash(state);
        self.late.hash(state);
        self.ended.hash(state);
        self.read.hash(state);
        self.damaged.hash(state);
        self.damaged_before.hash(state);
    }

    pub fn violate(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    // The server.

    pub fn find(&self, name: &CStr) -> Result<u64, c_int> {
        self.names.get(name).copied().ok_or(libc::ENOENT)
    }

    pub fn file(&self, number: u64) -> Result<&File, c_int> {
        self.files.get(&number).ok_or(libc::ESTALE)
    }

    /// The text of a file, as the server has it.
    pub fn text(&self, name: &CStr) -> Vec<u8> {
        let file = self.find(name).and_then(|number| self.file(number));
        file.map_or_else(|_| Vec::new(), |file| text(&file.data))
    }

    pub fn create(&mut self, name: &CStr, data: Vec<Byte>) -> Result<u64, c_int> {
        if self.names.contains_key(name) {
            return Err(libc::EEXIST);
        }
        // A number that was freed is used again at once.
        let number = (1..).find(|number| !self.files.contains_key(number));
        let number = number.ok_or(libc::ENOSPC)?;
        let file = File {
            stable: data.clone(),
            data,
            nlink: 1,
            mtime: self.now,
            ctime: self.now,
            locked: BTreeSet::new(),
        };
        self.files.insert(number, file);
        self.names.insert(name.to_owned(), number);
        self.placed(name);
        for host in &mut self.hosts {
            host.cache.remove(&number);
        }
        Ok(number)
    }

    pub fn link(&mut self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        let number = self.find(from)?;
        if self.names.contains_key(to) {
            return Err(libc::EEXIST);
        }
        self.names.insert(to.to_owned(), number);
        self.placed(to);
        let now = self.now;
        if let Some(file) = self.files.get_mut(&number) {
            file.nlink += 1;
            file.ctime = now;
        }
        Ok(())
    }

    /// Remove a name; `None` does it late.
    pub fn unlink(&mut self, by: Option<usize>, name: &CStr) -> Result<(), c_int> {
        self.removed(by, name);
        let number = self.names.remove(name).ok_or(libc::ENOENT)?;
        let now = self.now;
        if let Some(file) = self.files.get_mut(&number) {
            file.nlink -= 1;
            file.ctime = now;
            // On the server itself a file lives as long as somebody has it open.
            if file.nlink == 0 && !(self.local && name == MAILBOX) {
                self.files.remove(&number);
            }
        }
        Ok(())
    }

    pub fn rename(&mut self, by: Option<usize>, from: &CStr, to: &CStr) -> Result<(), c_int> {
        let number = self.find(from)?;
        if self.names.contains_key(to) {
            self.unlink(by, to)?;
        }
        self.removed(by, from);
        self.names.remove(from);
        self.names.insert(to.to_owned(), number);
        self.placed(to);
        let now = self.now;
        if let Some(file) = self.files.get_mut(&number) {
            file.ctime = now;
        }
        Ok(())
    }

    fn owner_of(&self, name: &CStr) -> Option<usize> {
        let file = self.find(name).and_then(|number| self.file(number)).ok()?;
        file.data.first().map(|byte| byte.1)
    }

    /// Somebody's lock stands, be it for the first time or again.
    fn placed(&mut self, name: &CStr) {
        if let Some(owner) = self.owner_of(name).filter(|_| name == DOTLOCK) {
            self.lost.remove(&owner);
            self.must_fail.remove(&owner);
        }
    }

    /// Somebody's lock is about to be removed.
    fn removed(&mut self, by: Option<usize>, name: &CStr) {
        let owner = self.owner_of(name).filter(|_| name == DOTLOCK);
        let Some(owner) = owner.filter(|owner| by != Some(*owner)) else {
            return;
        };
        self.lost.insert(owner);
        let wrongly = by.is_none_or(|by| self.outsiders.contains(&by) || self.blind.contains(&by));
        if wrongly {
            self.robbed.insert(owner);
            self.blind.insert(owner);
        } else if self.holders.contains(&owner)
            && !self.dead.contains(&owner)
            && !self.robbed.contains(&owner)
        {
            self.violate(format!("the lock of process {owner} was taken from it"));
        }
    }

    /// What was written and not committed is gone.  The hosts that still have
    /// it send it again.
    pub fn crash_server(&mut self) {
        let until = self.now + LATE;
        for (number, file) in &mut self.files {
            file.data.clone_from(&file.stable);
            file.locked.clear();
            for (of, host) in self.hosts.iter_mut().enumerate() {
                let cached = host.cache.get_mut(number);
                if let Some(cached) = cached.filter(|cached| !cached.sent.is_empty()) {
                    cached.dirty.append(&mut cached.sent);
                    cached.dirty.sort_unstable();
                    self.late.push((until, Late::WriteBack(of, *number)));
                }
            }
        }
        // A kernel that closes a file waits for the server.
        for (when, late) in &mut self.late {
            if matches!(late, Late::Gone(_)) {
                *when = until.max(*when);
            }
        }
    }

    pub fn carry_out(&mut self, late: &Late) {
        if let Late::WriteBack(host, number) = late {
            // What a failed delivery left without having it committed is sent
            // again when nobody counts on that any more.
            if let Some(cached) = self.hosts[*host].cache.get(number) {
                let writers = cached.dirty.iter().map(|part| cached.data[part.0].1);
                self.robbed
                    .extend(writers.filter(|writer| self.over.contains(writer)));
            }
        }
        let _ = match late {
            Late::Link(from, to) => self.link(from, to),
            Late::Unlink(name) => self.unlink(None, name),
            Late::Rename(from, to) => self.rename(None, from, to),
            Late::WriteBack(host, number) => self.write_back(*host, *number),
            Late::Gone(process) => {
                self.bury(*process);
                Ok(())
            }
        };
    }

    // A host's kernel.

    /// Ask the server what a file is like, as open(2) and a lock do.
    pub fn revalidate(&mut self, host: usize, number: u64) -> Result<(), c_int> {
        let mut data = self.file(number)?.data.clone();
        let cached = self.hosts[host].cache.entry(number).or_default();
        // Where another changed it, all that was kept is dropped.
        let (kept, there) = (&cached.data, &data);
        cached
            .sent
            .retain(|part| there.get(part.0..part.1) == kept.get(part.0..part.1));
        for &(start, end) in &cached.dirty {
            if data.len() < end {
                data.resize(end, (0, cached.data[start].1));
            }
            data[start..end].copy_from_slice(&cached.data[start..end]);
        }
        cached.data = data;
        Ok(())
    }

    pub fn cached(&mut self, host: usize, number: u64) -> Result<&mut Cached, c_int> {
        self.file(number)?;
        self.hosts[host].cache.get_mut(&number).ok_or(libc::ESTALE)
    }

    /// Append, where this host believes that the file ends.
    pub fn append(&mut self, process: usize, number: u64, bytes: &[u8]) -> Result<(), c_int> {
        if !self.may_write(process) {
            self.violate(format!("process {process} writes without its lock"));
        }
        let cached = self.cached(self.host_of[process], number)?;
        let start = cached.data.len();
        cached
            .data
            .extend(bytes.iter().map(|byte| (*byte, process)));
        cached.dirty.push((start, cached.data.len()));
        if self.local {
            self.send_part(self.host_of[process], number)?;
        }
        Ok(())
    }

    /// Send the first part that the server does not have.  False: it has all.
    pub fn send_part(&mut self, host: usize, number: u64) -> Result<bool, c_int> {
        let cached = self.cached(host, number)?;
        if cached.dirty.is_empty() {
            return Ok(false);
        }
        let (start, end) = cached.dirty.remove(0);
        cached.sent.push((start, end));
        let bytes = cached.data[start..end].to_vec();
        self.write(number, start, &bytes);
        Ok(true)
    }

    /// Forget a part that the server did not take.
    pub fn drop_part(&mut self, host: usize, number: u64) {
        if let Ok(cached) = self.cached(host, number) {
            if !cached.dirty.is_empty() {
                cached.dirty.remove(0);
                cached.again = true;
            }
        }
    }

    /// Have the server keep all that it has of a file.  False: it crashed
    /// meanwhile, and does not have all.
    pub fn commit(&mut self, host: usize, number: u64) -> Result<bool, c_int> {
        let cached = self.cached(host, number)?;
        cached.sent.clear();
        cached.again = false;
        let all = cached.dirty.is_empty();
        if let Some(file) = self.files.get_mut(&number) {
            file.stable.clone_from(&file.data);
        }
        Ok(all)
    }

    pub fn write_back(&mut self, host: usize, number: u64) -> Result<(), c_int> {
        while self.send_part(host, number)? {}
        self.commit(host, number).map(drop)
    }

    /// The server is told to write.
    fn write(&mut self, number: u64, start: usize, bytes: &[Byte]) {
        let Some(&(_, writer)) = bytes.first() else {
            return;
        };
        let now = self.now;
        let Some(file) = self.files.get_mut(&number) else {
            return;
        };
        let end = start + bytes.len();
        // What was not there yet, of whomever is to write it.
        if file.data.len() < start {
            file.data.resize(start, (0, writer));
        }
        let there = &file.data[start..end.min(file.data.len())];
        let lost: Vec<Byte> = there
            .iter()
            .zip(bytes)
            .filter(|(old, new)| old != new && old.1 != new.1)
            .map(|(old, _)| *old)
            .collect();
        if file.data.len() < end {
            file.data.resize(end, (0, writer));
        }
        file.data[start..end].copy_from_slice(bytes);
        file.mtime = now;
        file.ctime = now;
        self.lose(writer, &lost, "wrote over");
    }

    /// Cut a file off, on the server and in this host's memory.
    pub fn truncate(&mut self, process: usize, number: u64, size: usize) -> Result<(), c_int> {
        let host = self.host_of[process];
        let cached = self.cached(host, number)?;
        cached.data.truncate(size);
        for parts in [&mut cached.dirty, &mut cached.sent] {
            parts.retain(|part| part.0 < size);
            for part in parts {
                part.1 = part.1.min(size);
            }
        }
        if core::mem::take(&mut cached.again) {
            cached.data.push((0, process));
            cached.dirty.push((size, size + 1));
        }
        let now = self.now;
        let mut lost = Vec::new();
        if let Some(file) = self.files.get_mut(&number) {
            let all = file.data.get(size..).unwrap_or_default();
            lost.extend(all.iter().filter(|byte| byte.1 != process));
            file.data.truncate(size);
            if !self.local {
                file.stable.clone_from(&file.data);
            }
            file.mtime = now;
            file.ctime = now;
        }
        let rewrites = self.readers.contains(&process) && self.owner_of(DOTLOCK) == Some(process);
        if !rewrites {
            self.lose(process, &lost, "cut off");
        }
        if !self.may_write(process) {
            self.violate(format!("process {process} truncates without its lock"));
        }
        Ok(())
    }

    /// Bytes were changed or removed by one that did not write them.
    fn lose(&mut self, by: usize, lost: &[Byte], how: &str) {
        for &(_, owner) in lost {
            if !self.robbed.contains(&by) && !self.robbed.contains(&owner) {
                self.violate(format!("process {by} {how} bytes of process {owner}"));
            }
            if self.readers.contains(&owner) {
                // He wrote what was others'.
                self.damaged.extend(0..self.messages.len());
            }
            self.damaged.insert(owner);
        }
    }

    /// Whether a process may decide to change the mailbox now.
    fn may_write(&self, process: usize) -> bool {
        self.owner_of(DOTLOCK) == Some(process)
            || self.blind.contains(&process)
            || self.outsiders.contains(&process)
    }

    /// A process looks at the lock, and sees whose it is.
    pub fn looked(&mut self, process: usize, name: &CStr) {
        if name == DOTLOCK {
            self.blind.remove(&process);
        }
    }

    /// A process begins to look whether its message is whole, or has closed
    /// the mailbox and would have to.
    pub fn checks(&mut self, process: usize) {
        if self.damaged.remove(&process) {
            self.damaged_before.insert(process);
        }
    }

    /// A process closes the mailbox that it wrote, and looks at the lock after
    /// that.
    pub fn closed(&mut self, process: usize) {
        self.checks(process);
        if self.lost.contains(&process) {
            self.must_fail.insert(process);
        }
    }

    /// Take the kernel's lock, if nobody has it who excludes this process.
    pub fn lock(&mut self, process: usize, number: u64) -> Result<bool, c_int> {
        let (mode, hosts) = (self.kernel_locks, &self.host_of);
        let file = self.files.get_mut(&number).ok_or(libc::ESTALE)?;
        let excludes = |other: &usize| {
            *other != process
                && (mode == KernelLocks::OfTheServer || hosts[*other] == hosts[process])
        };
        if file.locked.iter().any(excludes) {
            return Ok(false);
        }
        file.locked.insert(process);
        // Who has waited for this looks at his own lock before he writes.
        self.blind.remove(&process);
        if mode == KernelLocks::OfTheServer {
            self.revalidate(self.host_of[process], number)?;
        }
        Ok(true)
    }

    pub fn unlock(&mut self, process: usize, number: u64) {
        if let Some(file) = self.files.get_mut(&number) {
            file.locked.remove(&process);
        }
    }

    // This host's place where processes meet.

    pub fn appear(&mut self, process: usize, token: &Token) -> u64 {
        self.presences += 1;
        let presence = Presence {
            process,
            number: self.presences,
            ended: false,
        };
        self.hosts[self.host_of[process]]
            .present
            .insert(*token.as_bytes(), presence);
        self.presences
    }

    pub fn end_presence(&mut self, number: u64) {
        self.ended.insert(number);
        for host in &mut self.hosts {
            for presence in host.present.values_mut() {
                presence.ended |= presence.number == number;
            }
        }
    }

    // Ends.

    /// A process was killed.  Its kernel still has what it wrote, and closes
    /// its files only when that is written, which takes until then.
    pub fn kill(&mut self, process: usize, until: u64) {
        self.dead.insert(process);
        let host = self.host_of[process];
        let mut busy = self
            .files
            .values()
            .any(|file| file.locked.contains(&process));
        for (number, cached) in &self.hosts[host].cache {
            if !cached.dirty.is_empty() || !cached.sent.is_empty() {
                self.late.push((until, Late::WriteBack(host, *number)));
                busy = true;
            }
        }
        if busy {
            self.late.push((until, Late::Gone(process)));
        } else {
            self.bury(process);
        }
    }

    fn bury(&mut self, process: usize) {
        self.gone.insert(process);
        for file in self.files.values_mut() {
            file.locked.remove(&process);
        }
        let present = self.hosts[self.host_of[process]].present.values();
        let own = present.filter(|presence| presence.process == process);
        let own: Vec<u64> = own.map(|presence| presence.number).collect();
        own.into_iter().for_each(|number| self.end_presence(number));
    }

    /// All that a host remembered is gone, and all its processes.
    pub fn crash_host(&mut self, host: usize) {
        for process in 0..self.host_of.len() {
            if self.host_of[process] == host {
                self.dead.insert(process);
                self.gone.insert(process);
                for file in self.files.values_mut() {
                    file.locked.remove(&process);
                }
            }
        }
        let old = std::mem::take(&mut self.hosts[host]);
        let numbers = old.present.values().map(|presence| presence.number);
        self.ended.extend(numbers);
        let host_of = &self.host_of;
        let ends = |late: &Late| match late {
            Late::WriteBack(of, _) => *of == host,
            Late::Gone(process) => host_of[*process] == host,
            _ => false,
        };
        self.late.retain(|(_, late)| !ends(late));
        if self.local {
            self.crash_server();
        }
    }
}

pub fn text(bytes: &[Byte]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.0).collect()
}
