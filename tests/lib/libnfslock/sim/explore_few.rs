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

//! Every schedule of a few processes, with few faults.

use std::time::Duration;

use nfslock_sim::explore::{every, soak};
use nfslock_sim::scenario::{Faults, Host, Plan, Scenario, Step};
use nfslock_sim::world::{Nanos, SECOND};

/// With a stale limit of 2 seconds: what a request may take, how old an answer
/// may be that is acted on, how long a guard settles, and how long a lock is
/// safe after a sign of life.
const DELTA: Nanos = SECOND / 4;
const SLACK: Nanos = SECOND / 8;
const SETTLE: Nanos = SECOND / 2;
const LEASE: Nanos = SECOND;

fn hosts(count: usize, local: bool) -> Scenario {
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

fn once() -> Plan {
    Plan {
        limit: None,
        ..Plan::default()
    }
}

/// It ends while it holds the lock.
fn dies() -> Plan {
    Plan {
        exits: true,
        ..once()
    }
}

fn replies(budget: u32) -> Faults {
    Faults {
        budget,
        replies: true,
        ..Faults::default()
    }
}

/// Everything that a request may suffer in time.
fn requests(budget: u32) -> Faults {
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
fn all(name: &str, scenario: &Scenario) {
    let report = every(name, scenario, Duration::from_secs(200));
    assert!(report.complete || std::env::var_os("NFSLOCK_REPLAY").is_some());
}

/// As many as there is time for.
fn some(name: &str, scenario: &Scenario) {
    every(
        name,
        scenario,
        Duration::from_secs(20) * soak().unwrap_or(1),
    );
}

#[test]
fn two_hosts_try_once() {
    let mut scenario = hosts(2, false).with(0, 0, once()).with(1, 0, once());
    scenario.faults = requests(1);
    all("two_hosts_try_once", &scenario);
}

#[test]
fn two_hosts_try_once_and_lose_two_replies() {
    let mut scenario = hosts(2, false).with(0, 0, once()).with(1, 0, once());
    scenario.faults = replies(2);
    all("two_hosts_try_once_and_lose_two_replies", &scenario);
}

#[test]
fn three_hosts_try_once() {
    let mut scenario = hosts(3, false);
    scenario.reduce = true;
    scenario.faults = replies(1);
    for host in 0..3 {
        scenario = scenario.with(host, 0, once());
    }
    all("three_hosts_try_once", &scenario);
}

#[test]
fn three_processes_of_the_server_try_once() {
    let mut scenario = hosts(1, true);
    scenario.faults = requests(1);
    for _ in 0..3 {
        scenario = scenario.with(0, 0, once());
    }
    all("three_processes_of_the_server_try_once", &scenario);
}

#[test]
fn a_host_breaks_the_lock_of_the_dead() {
    let mut scenario = hosts(2, false)
        .with(0, 0, dies())
        .with(1, 0, Plan::default());
    scenario.faults = requests(1);
    all("a_host_breaks_the_lock_of_the_dead", &scenario);
}

#[test]
fn two_hosts_break_the_lock_of_the_dead() {
    let mut scenario = hosts(3, false)
        .with(0, 0, dies())
        .with(1, 1, Plan::default())
        .with(2, 1, Plan::default());
    scenario.reduce = true;
    scenario.faults = Faults {
        late: vec![DELTA - 1],
        slow: vec![SETTLE],
        kills: true,
        ..replies(1)
    };
    all("two_hosts_break_the_lock_of_the_dead", &scenario);
}

#[test]
fn two_neighbours_take_over_from_the_dead() {
    for local in [false, true] {
        let mut scenario = hosts(1, local)
            .with(0, 0, dies())
            .with(0, 1, Plan::default())
            .with(0, 1, Plan::default());
        scenario.reduce = true;
        scenario.faults = Faults {
            late: vec![DELTA - 1],
            slow: vec![SETTLE],
            kills: true,
            ..replies(1)
        };
        all("two_neighbours_take_over_from_the_dead", &scenario);
    }
}

#[test]
fn a_holder_is_late() {
    let late = Plan {
        steps: vec![Step::Wait(2 * LEASE - SECOND / 8)],
        ..once()
    };
    let mut scenario = hosts(2, false).with(0, 0, late).with(1, 0, Plan::default());
    scenario.faults = requests(1);
    all("a_holder_is_late", &scenario);
}

#[test]
fn clocks_are_set_while_a_holder_lives() {
    let lives = Plan {
        steps: [Step::Wait(3 * LEASE / 4), Step::Refresh].repeat(6),
        ..once()
    };
    let mut scenario = hosts(2, false)
        .with(0, 0, lives)
        .with(1, 1, Plan::default());
    scenario.faults = Faults {
        budget: 2,
        steps: vec![-3600, 3600],
        ..Faults::default()
    };
    all("clocks_are_set_while_a_holder_lives", &scenario);
}

#[test]
fn neighbours_line_up() {
    let holds = Plan {
        steps: vec![Step::Wait(SECOND / 2), Step::Verify],
        ..Plan::default()
    };
    let mut scenario = hosts(1, false);
    for _ in 0..3 {
        scenario = scenario.with(0, 0, holds.clone());
    }
    scenario.reduce = true;
    scenario.faults = Faults {
        budget: 1,
        kills: true,
        signals: true,
        ..Faults::default()
    };
    all("neighbours_line_up", &scenario);
}

#[test]
#[ignore = "takes as long as it is given"]
fn three_hosts_try_once_and_two_things_go_wrong() {
    let mut scenario = hosts(3, false);
    scenario.faults = requests(2);
    for host in 0..3 {
        scenario = scenario.with(host, 0, once());
    }
    some("three_hosts_try_once_and_two_things_go_wrong", &scenario);
}

#[test]
#[ignore = "takes as long as it is given"]
fn two_hosts_break_and_two_things_go_wrong() {
    let mut scenario = hosts(3, false)
        .with(0, 0, dies())
        .with(1, 1, Plan::default())
        .with(2, 1, Plan::default());
    scenario.reduce = true;
    scenario.faults = requests(2);
    some("two_hosts_break_and_two_things_go_wrong", &scenario);
}

#[test]
#[ignore = "takes as long as it is given"]
fn a_late_holder_and_two_breakers_and_two_things_go_wrong() {
    let late = Plan {
        steps: vec![Step::Wait(2 * LEASE - SECOND / 8)],
        ..once()
    };
    let mut scenario = hosts(3, false)
        .with(0, 0, late)
        .with(1, 0, Plan::default())
        .with(2, 0, Plan::default());
    scenario.reduce = true;
    scenario.faults = requests(2);
    some(
        "a_late_holder_and_two_breakers_and_two_things_go_wrong",
        &scenario,
    );
}

#[test]
#[ignore = "takes as long as it is given"]
fn neighbours_take_over_and_two_things_go_wrong() {
    let mut scenario = hosts(2, false)
        .with(0, 0, dies())
        .with(0, 1, Plan::default())
        .with(1, 1, Plan::default());
    scenario.reduce = true;
    scenario.faults = requests(2);
    some("neighbours_take_over_and_two_things_go_wrong", &scenario);
}
