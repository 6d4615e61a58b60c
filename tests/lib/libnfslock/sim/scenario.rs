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

//! Who does what where, and what may go wrong.

use std::ffi::c_int;
use std::rc::Rc;
use std::time::Duration;

use nfslock::lock::Lock;
use nfslock::{Directory, Limit, Options};

use crate::process::{Process, Script};
use crate::world::{Meeting, Nanos, SECOND};

/// A host.
#[derive(Clone, Copy, Default)]
pub struct Host {
    /// Two may have the same.
    pub name: &'static str,
    /// It is the server itself.
    pub local: bool,
    pub meeting: Meeting,
    /// By how much its clock is wrong.
    pub clock: i64,
}

/// A process.
#[derive(Clone)]
pub struct Actor {
    pub host: usize,
    pub start: Nanos,
    /// It runs the protocol under test, and things may go wrong for it.
    pub ours: bool,
    /// Its releases sweep.
    pub sweeps: bool,
    pub script: Script,
}

/// What may go wrong in a schedule.
#[derive(Clone, Default)]
pub struct Faults {
    /// So many times at most.
    pub budget: u32,
    /// Replies are lost, and requests repeated; caches lie.
    pub replies: bool,
    /// What calls may answer.
    pub errors: Vec<c_int>,
    /// Processes are killed.
    pub kills: bool,
    /// What a host's place has of a process cannot be removed.
    pub stubborn: bool,
    /// Signals end waits.
    pub signals: bool,
    /// How late a request may take effect.
    pub late: Vec<Nanos>,
    /// How late a reply may be heard.
    pub slow: Vec<Nanos>,
    /// How late a request may take effect whose caller was interrupted.
    pub detached: Vec<Nanos>,
    /// How late a request may take effect for a second time.
    pub twice: Vec<Nanos>,
    /// By how many seconds the server's clock may be set.
    pub steps: Vec<i64>,
    /// For how long a host may be stopped.
    pub stops: Vec<Nanos>,
    /// Hosts are rebooted.
    pub reboots: bool,
}

/// Everything that makes a schedule, but its choices.
#[derive(Clone)]
pub struct Scenario {
    pub hosts: Vec<Host>,
    pub actors: Vec<Actor>,
    pub stale: Duration,
    pub faults: Faults,
    /// Requests may take effect at any time or twice, and hosts be stopped for
    /// longer than the protocol allows.
    pub anything_goes: bool,
    /// What is done to private files is not interleaved with others' steps:
    /// numbers of files are then used again in fewer orders.
    pub reduce: bool,
    /// The server's times are in whole seconds.
    pub coarse: bool,
    /// A schedule that takes more steps does not end.
    pub longest: usize,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            actors: Vec::new(),
            stale: Duration::from_secs(2),
            faults: Faults::default(),
            anything_goes: false,
            reduce: false,
            coarse: false,
            longest: 20_000,
        }
    }
}

impl Scenario {
    /// One more process that runs the protocol; answers with its number.
    #[must_use]
    pub fn with(mut self, host: usize, start: Nanos, plan: Plan) -> Self {
        self.actors.push(Actor {
            host,
            start,
            ours: true,
            sweeps: plan.sweeps,
            script: Rc::new(move |process| plan.run(process)),
        });
        self
    }

    /// One more process that does something else.
    #[must_use]
    pub fn with_peer(mut self, host: usize, start: Nanos, script: Script) -> Self {
        self.actors.push(Actor {
            host,
            start,
            ours: false,
            sweeps: false,
            script,
        });
        self
    }
}

/// What a holder does while it holds.
#[derive(Clone, Copy)]
pub enum Step {
    Wait(Nanos),
    Verify,
    Refresh,
}

/// Acquiring, holding and releasing, several times.
#[derive(Clone)]
pub struct Plan {
    pub common: bool,
    /// One try if there is none.
    pub limit: Option<Nanos>,
    pub stale: Duration,
    pub breaks: bool,
    pub steps: Vec<Step>,
    /// It ends without releasing.
    pub exits: bool,
    pub sweeps: bool,
    pub rounds: u32,
    /// How long it rests between two rounds.
    pub rest: Nanos,
    /// It keeps the lock's handle from one round to the next.
    pub relocks: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            common: true,
            limit: Some(20 * SECOND),
            stale: Duration::from_secs(2),
            breaks: true,
            steps: Vec::new(),
            exits: false,
            sweeps: false,
            rounds: 1,
            rest: 0,
            relocks: false,
        }
    }
}

impl Plan {
    /// Do all that.
    pub fn run(&self, process: &Process) {
        let mut kept = None;
        for round in 0..self.rounds {
            if round > 0 {
                process.pause(self.rest);
            }
            self.once(process, &mut kept);
        }
    }

    fn once(&self, process: &Process, kept: &mut Option<Lock<Process>>) {
        let options = Options {
            directory: Directory::Auto,
            limit: self
                .limit
                .map_or(Limit::Once, |limit| Limit::For(Duration::from_nanos(limit))),
            stale: self.stale,
            break_stale: self.breaks,
            cancelled: None,
        };
        process.waits(self.limit.unwrap_or(0));
        let acquired = match kept.take() {
            Some(mut lock) => lock.relock(None, self.common, &options).map(|()| lock),
            None => Lock::acquire_in(process.clone(), c"user", self.common, &options),
        };
        let mut lock = match acquired {
            Ok(lock) => lock,
            Err(failure) => return process.gives_up(failure),
        };
        process.holds();
        for step in &self.steps {
            let answer = match step {
                Step::Wait(time) => {
                    process.pause(*time);
                    Ok(())
                }
                Step::Verify => process.asks(|| lock.verify()),
                Step::Refresh => process.asks(|| lock.refresh()),
            };
            if answer.is_err() {
                break;
            }
        }
        if self.exits {
            process.exit();
        }
        process.lets_go();
        if self.relocks {
            let _ = process.asks(|| lock.unlock());
            *kept = Some(lock);
        } else {
            let _ = process.asks(|| lock.release());
        }
    }
}

/// Who comes much later, breaks what is stale, and sweeps.
pub fn janitor(stale: Duration) -> Script {
    let plan = Plan {
        limit: Some(3600 * SECOND),
        stale,
        ..Plan::default()
    };
    Rc::new(move |process| plan.run(process))
}
