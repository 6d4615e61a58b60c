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

//! What must always hold, whatever the schedule is.
//!
//! A process tells here what the protocol has told it (that it holds the lock,
//! that the lock is its own), and the world tells which request changes what.
//! Who holds the lock is known from these two alone, not from any file.

use std::hash::{Hash, Hasher};

use nfslock::{Failure, Status};

use crate::process::Process;
use crate::world::{Call, Doing, Meeting, Nanos, World, LOCK};

/// What is known of one process.
#[derive(Clone, Default, Hash)]
pub struct Claim {
    /// It was told that it has the lock, and has not begun to let it go.
    holding: bool,
    /// When it sent what was last seen of its life at the lock.
    sign: Option<Nanos>,
    /// The same, where others may have found the lock stale before: it is safe
    /// when its holder is told so, and not when it shows life.
    revival: Option<Nanos>,
    /// While it asks whether the lock is its own: was it so at any moment?
    stood: Option<bool>,
    /// What did it see the last time it looked at the lock: its own?
    saw: bool,
    /// And for how long had that not changed?
    unchanged: Nanos,
    /// When it last took the lock, be it that it does not know.
    taken: Nanos,
    /// When it began to wait, and until when it is willing to.
    waiting: Option<(Nanos, Nanos)>,
    /// How many that came later were served since.
    overtaken: u32,
}

/// What is known of all.
#[derive(Default)]
pub struct Check {
    pub claims: Vec<Claim>,
    /// How long a lock is safe after a sign of life.
    pub lease: Nanos,
    /// How long a lock is watched before it is broken for its age.
    pub watch: Nanos,
    /// How late a request may take effect that the protocol counts on.
    pub delay: Nanos,
    /// Requests may take effect too late or twice, and hosts stand still for
    /// too long.
    pub anything_goes: bool,
    /// One of these things has happened.
    pub excepted: bool,
    /// Something has happened after which files may be left: a kill, or a file
    /// that the system did not let be seen or removed.
    pub may_litter: bool,
    /// How long after its limit one may still be at it.
    pub grace: Nanos,
    /// How long one may wait beside a lock that is its own.
    pub ignorance: Nanos,
    /// For how long things were held up on purpose.
    pub held_up: Nanos,
    /// The most that one process was overtaken.
    pub overtaken: u32,
    /// The first thing that was wrong.
    pub broken: Option<String>,
}

impl Hash for Check {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.claims.hash(state);
        (self.excepted, self.may_litter, self.held_up).hash(state);
    }
}

impl Check {
    fn fail(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// Something happens so much later than it was decided on.
    pub fn stands_still(&mut self, time: Nanos) {
        self.excepted |= self.anything_goes && time > self.delay;
    }

    /// It holds nothing and waits for nothing any more.
    pub fn dies(&mut self, process: usize) {
        let claim = &mut self.claims[process];
        (claim.holding, claim.stood, claim.waiting) = (false, None, None);
    }

    /// Does its claim to the lock count?  Who has not given a sign of life
    /// for as long as the lease counts as stopped.
    fn is_protected(&self, process: usize, now: Nanos) -> bool {
        let sign = self.claims[process].sign;
        sign.is_some_and(|sign| now < sign + self.lease)
    }
}

impl World {
    /// A request that takes something away takes effect.
    pub fn before_change(&mut self, process: usize, call: &Call, issued: Nanos) {
        // Without exclusive create on the server two may be told that they made
        // the same file.
        if let Call::Make(name) = call {
            if self.processes[process].ours && !self.is_local(process) && !call.is_private() {
                let name = name.to_string_lossy();
                let what = format!("{} makes {name} by O_EXCL alone", self.name(process));
                self.check.fail(what);
            }
        }
        let named = match call {
            Call::Unlink(name) | Call::Rename(name, _) => name.as_c_str() == LOCK,
            _ => false,
        };
        let Some(owner) = self.lock().map(|file| file.handle.maker).filter(|_| named) else {
            return;
        };
        if owner == process {
            return;
        }
        let lives = !matches!(self.processes[owner].doing, Doing::Dead);
        let live = lives && self.check.is_protected(owner, self.now);
        if self.processes[process].ours
            && matches!(call, Call::Unlink(_))
            && issued == self.now
            && !self.check.claims[process].saw
        {
            let what = format!(
                "{} releases a lock that it did not see to be its own",
                self.name(process)
            );
            self.check.fail(what);
        }
        if !self.processes[process].ours {
            // A peer, by rules of its own.
            self.check.excepted |= live;
            return;
        }
        if self.check.anything_goes && self.check.excepted {
            return;
        }
        let (host, home) = (self.processes[process].host, self.processes[owner].host);
        let unchanged = self.check.claims[process].unchanged;
        // Who dies with the lock leaves it to his neighbours at once.
        if matches!(call, Call::Rename(..))
            && (lives || host != home)
            && unchanged < self.check.watch
        {
            let what = format!(
                "{} breaks a lock that had not changed for {} s alone",
                self.name(process),
                unchanged as f64 / 1e9
            );
            self.check.fail(what);
        }
        let names = (self.name(process), self.name(owner));
        let sent = issued as f64 / 1e9;
        if live {
            let what = format!(
                "{} takes away the live lock of {}, with what it sent at {sent}",
                names.0, names.1
            );
            self.check.fail(what);
        } else if matches!(call, Call::Unlink(_)) {
            let what = format!("{} releases the lock of {}", names.0, names.1);
            self.check.fail(what);
        }
    }

    /// A request has done what it was sent for.
    pub fn after_change(&mut self, process: usize, call: &Call, issued: Nanos) {
        let Some(handle) = self.lock().map(|file| file.handle) else {
            return;
        };
        let shows_life = handle.maker == process
            && match call {
                Call::Make(name) | Call::Link(_, name) => name.as_c_str() == LOCK,
                Call::SetTimes(touched) => *touched == handle,
                _ => false,
            };
        // A holder that was silent for longer than its lease counts as stopped,
        // whatever it does after that.
        let stopped = !self.check.is_protected(process, issued);
        let claim = &mut self.check.claims[process];
        match call {
            Call::SetTimes(_) if shows_life && stopped && !claim.holding => {
                claim.revival = Some(issued);
            }
            Call::SetTimes(_) if shows_life && !stopped => {
                claim.sign = claim.sign.max(Some(issued));
            }
            Call::SetTimes(_) => {}
            _ if shows_life => {
                (claim.sign, claim.revival) = (Some(issued), None);
                claim.taken = self.now;
            }
            _ => {}
        }
        let claim = &mut self.check.claims[handle.maker];
        claim.stood = claim.stood.map(|_| true);
    }

    /// A process looks at the lock.
    pub fn before_look(&mut self, process: usize) {
        let lock = self.lock().map(|file| (file.handle.maker, file.changed));
        let claim = &mut self.check.claims[process];
        claim.saw = lock.is_some_and(|(maker, _)| maker == process);
        claim.unchanged = lock.map_or(0, |(_, changed)| self.now - changed);
    }

    /// Time is about to pass.  Does anybody sleep who should have been woken?
    pub fn before_time_passes(&mut self, until: Nanos) {
        if let Some(owner) = self.lock().map(|file| file.handle.maker) {
            let claim = &self.check.claims[owner];
            let bound = claim.taken + self.check.ignorance + self.check.held_up;
            let doing = &self.processes[owner].doing;
            let sleeps = matches!(doing, Doing::Calling { call, .. } if call.is_wait());
            // Not one of an earlier round, that it was told could not be released.
            let won = claim.waiting.is_some_and(|(since, _)| claim.taken >= since);
            if sleeps && won && until > bound {
                let what = format!("{} waits for its own lock", self.name(owner));
                self.check.fail(what);
            }
            return;
        }
        // A claim that takes effect much too late can make the lock that of one
        // who waits behind another: those two wait for each other, until they
        // look.
        if until == self.now || self.check.excepted {
            return;
        }
        for host in 0..self.kernels.len() {
            if self.kernels[host].meeting == Meeting::Hostile {
                continue;
            }
            let mut asleep = None;
            let mut active = false;
            for (id, process) in self.processes.iter().enumerate() {
                if process.host != host {
                    continue;
                }
                match &process.doing {
                    // Unless it was woken, and its host is stopped.
                    Doing::Calling {
                        call: Call::Outlived(number, _),
                        ..
                    } if !self.presences[*number].has_news() => asleep = Some(id),
                    Doing::Calling { .. } | Doing::Hearing(..) => active = true,
                    Doing::Starting(_) | Doing::Ended | Doing::Dead => {}
                }
            }
            if let (Some(asleep), false) = (asleep, active) {
                let what = format!("{} sleeps beside a lock that is free", self.name(asleep));
                self.check.fail(what);
            }
        }
    }

    fn check_holders(&mut self) {
        if self.check.anything_goes && self.check.excepted {
            return;
        }
        let holds =
            |&id: &usize| self.check.claims[id].holding && self.check.is_protected(id, self.now);
        let holders: Vec<usize> = (0..self.processes.len()).filter(holds).collect();
        if let [first, second, ..] = holders[..] {
            let what = format!(
                "both {} and {} hold it",
                self.name(first),
                self.name(second)
            );
            self.check.fail(what);
        }
    }
}

/// What a process tells of what it was told.
impl Process {
    /// It begins to wait for the lock, for so long at most.
    pub fn waits(&self, limit: Nanos) {
        let mut world = self.world();
        let now = world.now;
        let claim = &mut world.check.claims[self.id];
        claim.waiting = Some((now, now.saturating_add(limit)));
        claim.overtaken = 0;
    }

    fn ends_waiting(&self) {
        let mut world = self.world();
        // What was interrupted is waited for, once for each interruption.
        let (now, held_up) = (world.now, world.check.held_up + world.check.grace);
        let waited = world.check.claims[self.id].waiting.take();
        if let Some((_, end)) = waited {
            if now > end.saturating_add(held_up) {
                let what = format!("{} waited past its limit", world.name(self.id));
                world.check.fail(what);
            }
        }
    }

    /// It was told that it holds the lock.
    pub fn holds(&self) {
        let mut world = self.world();
        world.say(self.id, "HOLDS");
        let since = world.check.claims[self.id].waiting;
        for (id, claim) in world.check.claims.iter_mut().enumerate() {
            let later = claim
                .waiting
                .zip(since)
                .is_some_and(|(other, own)| other.0 < own.0);
            claim.overtaken += u32::from(id != self.id && later);
        }
        let overtaken = world.check.claims[self.id].overtaken;
        world.check.overtaken = world.check.overtaken.max(overtaken);
        let claim = &mut world.check.claims[self.id];
        claim.sign = claim.sign.max(claim.revival.take());
        claim.holding = true;
        world.check_holders();
        drop(world);
        self.ends_waiting();
    }

    /// It was told that it does not.
    pub fn gives_up(&self, failure: Failure) {
        let mut world = self.world();
        world.say(self.id, &format!("gives up: {failure}"));
        world.check.claims[self.id].holding = false;
        drop(world);
        self.ends_waiting();
    }

    /// It begins to let the lock go.
    pub fn lets_go(&self) {
        let mut world = self.world();
        world.say(self.id, "lets go");
        world.check.claims[self.id].saw = false;
        world.check.claims[self.id].holding = false;
    }

    /// It asks whether the lock is its own, and is told.
    pub fn asks(&self, question: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        {
            let mut world = self.world();
            let stands = world
                .lock()
                .is_some_and(|file| file.handle.maker == self.id);
            world.check.claims[self.id].stood = Some(stands);
        }
        let answer = question();
        let mut world = self.world();
        let stood = world.check.claims[self.id].stood.take();
        let alive = world.processes[self.id].is_alive();
        match &answer {
            _ if !alive => {}
            Ok(()) if stood == Some(false) => {
                let what = format!(
                    "{} was told that another's lock is its own",
                    world.name(self.id)
                );
                world.check.fail(what);
            }
            Ok(()) => world.check_holders(),
            Err(failure) => {
                world.say(self.id, &format!("is told: {failure}"));
                let claim = &mut world.check.claims[self.id];
                let over = matches!(failure.status, Status::Stolen | Status::Gone);
                claim.holding &= !over;
                // Left to those who break it, and he knows.
                let told = matches!(failure.status, Status::TimedOut | Status::Error);
                world.check.may_litter |= told;
            }
        }
        answer
    }
}
