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

//! Small scenarios, that every schedule of can be explored.

use std::time::Duration;

use crate::explore::{every, soak};
use crate::scenario::{Faults, Host, Plan, Scenario};
use crate::world::{Nanos, SECOND};

/// With a stale limit of 2 seconds: what a request may take, how old an answer
/// may be that is acted on, how long a guard settles, and how long a lock is
/// safe after a sign of life.
pub const DELTA: Nanos = SECOND / 4;
pub const SLACK: Nanos = SECOND / 8;
pub const SETTLE: Nanos = SECOND / 2;
pub const LEASE: Nanos = SECOND;

pub fn hosts(count: usize, local: bool) -> Scenario {
    let names = ["a", "b", "c"].iter().take(count);
    Scenario {
        hosts: names
            .map(|name| Host {
                name,
                local,
                ..Host::default()
            })
            .collect(),
        ..Scenario::default()
    }
}

pub fn once() -> Plan {
    Plan {
        limit: None,
        ..Plan::default()
    }
}

/// It ends while it holds the lock.
pub fn dies() -> Plan {
    Plan {
        exits: true,
        ..once()
    }
}

pub fn replies(budget: u32) -> Faults {
    Faults {
        budget,
        replies: true,
        ..Faults::default()
    }
}

/// A wait is interrupted, or a process killed, once.
pub fn ends() -> Faults {
    Faults {
        budget: 1,
        kills: true,
        signals: true,
        ..Faults::default()
    }
}

/// Everything that a request may suffer in time.
pub fn requests(budget: u32) -> Faults {
    Faults {
        errors: vec![libc::EIO, libc::EINTR, libc::EACCES, libc::ESTALE],
        kills: true,
        late: vec![DELTA - 1],
        slow: vec![SLACK, SETTLE, 2 * LEASE],
        signals: true,
        ..replies(budget)
    }
}

/// Every schedule, of which there have to be few enough.
pub fn all(name: &str, scenario: &Scenario) {
    let report = every(name, scenario, Duration::from_secs(1000));
    assert!(report.complete || std::env::var_os("NFSLOCK_REPLAY").is_some());
}

/// As many as there is time for.
pub fn some(name: &str, scenario: &Scenario) {
    every(
        name,
        scenario,
        Duration::from_secs(20) * soak().unwrap_or(1),
    );
}
