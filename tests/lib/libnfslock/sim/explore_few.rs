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

use std::rc::Rc;

use nfslock_sim::few::{all, dies, hosts, once, replies, requests, DELTA, LEASE, SETTLE};
use nfslock_sim::process::Process;
use nfslock_sim::scenario::{Faults, Plan, Step};
use nfslock_sim::world::{LOCK, SECOND};

/// It holds the lock for long, and shows that it lives.
fn lives() -> Plan {
    Plan {
        steps: [Step::Wait(3 * LEASE / 4), Step::Refresh].repeat(6),
        ..Plan::default()
    }
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
        .with(1, 1, lives())
        .with(2, 1, lives());
    scenario.reduce = true;
    scenario.faults = Faults {
        late: vec![DELTA - 1],
        slow: vec![SETTLE, 5 * LEASE],
        kills: true,
        ..replies(1)
    };
    all("two_hosts_break_the_lock_of_the_dead", &scenario);
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
    let mut scenario = hosts(2, false)
        .with(0, 0, lives())
        .with(1, 1, Plan::default());
    scenario.faults = Faults {
        budget: 2,
        steps: vec![-3600, 3600],
        ..Faults::default()
    };
    all("clocks_are_set_while_a_holder_lives", &scenario);
}

#[test]
fn a_holder_lets_go_too_late() {
    let holds = Plan {
        steps: vec![Step::Wait(LEASE / 2), Step::Verify],
        ..Plan::default()
    };
    for twentieths in [39, 42, 44, 46, 49] {
        let late = Plan {
            steps: vec![Step::Wait(twentieths * SECOND / 20)],
            ..once()
        };
        let mut scenario = hosts(3, false)
            .with(0, 0, late)
            .with(1, 0, holds.clone())
            .with(2, SECOND / 70, holds.clone());
        scenario.reduce = true;
        scenario.faults = Faults {
            budget: 1,
            late: vec![DELTA - 1],
            slow: vec![SETTLE],
            ..Faults::default()
        };
        all("a_holder_lets_go_too_late", &scenario);
    }
}

#[test]
fn a_rude_peer() {
    // It removes whatever lock it finds.
    let rude = Rc::new(|process: &Process| {
        for _ in 0..2 {
            let _ = process.remove(LOCK);
            let _ = process.make(LOCK, b"");
        }
        process.pause(SECOND);
        let _ = process.remove(LOCK);
    });
    let plan = Plan {
        steps: vec![Step::Verify, Step::Refresh],
        ..once()
    };
    for local in [false, true] {
        let mut scenario = hosts(2, local)
            .with(0, 0, plan.clone())
            .with_peer(1, 0, rude.clone());
        scenario.anything_goes = true;
        scenario.faults = replies(1);
        all("a_rude_peer", &scenario);
    }
}

#[test]
fn an_interrupted_request_still_arrives() {
    let holds = Plan {
        steps: vec![Step::Wait(SECOND / 10), Step::Verify],
        rounds: 2,
        ..Plan::default()
    };
    let mut scenario = hosts(2, false).with(0, 0, holds.clone()).with(1, 0, holds);
    scenario.faults = Faults {
        detached: vec![DELTA / 4, DELTA - 1],
        ..replies(1)
    };
    all("an_interrupted_request_still_arrives", &scenario);
}

#[test]
fn who_hears_late() {
    // It is told that it has the lock when a breaker is about to act.
    let holds = Plan {
        steps: vec![Step::Wait(LEASE / 2), Step::Verify],
        ..Plan::default()
    };
    for twentieths in [43, 47, 51, 55] {
        let mut scenario = hosts(3, false)
            .with(0, 0, holds.clone())
            .with(1, 1, holds.clone())
            .with(2, SECOND / 70, holds.clone());
        scenario.reduce = true;
        scenario.faults = Faults {
            budget: 2,
            late: vec![DELTA - 1],
            slow: vec![twentieths * SECOND / 20],
            ..Faults::default()
        };
        all("who_hears_late", &scenario);
    }
}

#[test]
fn a_client_remembers_whose_a_name_was() {
    // Who was silent for too long asks whether the lock is its own, and lets
    // it go, while others break it, and take it, and may be killed.
    let late = Plan {
        steps: vec![Step::Wait(2 * LEASE + SETTLE), Step::Verify],
        ..once()
    };
    let holds = Plan {
        steps: vec![Step::Wait(LEASE / 2), Step::Verify],
        ..Plan::default()
    };
    for kills in [false, true] {
        let mut scenario = hosts(3, false)
            .with(0, 0, late.clone())
            .with(1, 0, holds.clone())
            .with(2, SECOND / 70, holds.clone());
        scenario.reduce = true;
        scenario.faults = Faults {
            kills,
            ..replies(2)
        };
        all("a_client_remembers_whose_a_name_was", &scenario);
    }
}

#[test]
fn a_host_is_rebooted() {
    let holds = Plan {
        steps: vec![Step::Wait(LEASE / 2), Step::Refresh],
        ..Plan::default()
    };
    let mut scenario = hosts(2, false)
        .with(0, 0, holds.clone())
        .with(0, SECOND, holds.clone())
        .with(1, SECOND / 10, holds);
    scenario.reduce = true;
    scenario.coarse = true;
    scenario.faults = Faults {
        budget: 2,
        reboots: true,
        ..Faults::default()
    };
    all("a_host_is_rebooted", &scenario);
}

/// It locks again and again, through one handle.
fn relocks(rounds: u32) -> Plan {
    Plan {
        steps: vec![Step::Verify],
        rounds,
        rest: SECOND / 70,
        relocks: true,
        common: false,
        ..Plan::default()
    }
}

#[test]
fn two_processes_of_the_server_lock_again() {
    let mut scenario = hosts(1, true).with(0, 0, relocks(2)).with(0, 0, once());
    scenario.reduce = true;
    scenario.faults = requests(1);
    all("two_processes_of_the_server_lock_again", &scenario);
}

#[test]
fn a_client_breaks_what_the_server_locked_again() {
    // The same file is the lock again while a breaker acts on what it saw of
    // it before.
    for (rest, hold) in [(1, 39), (1, 41), (4, 41), (1, 44), (8, 46), (1, 49)] {
        let late = Plan {
            steps: vec![Step::Wait(hold * SECOND / 20)],
            rest: rest * SECOND / 40,
            ..relocks(3)
        };
        let mut scenario = hosts(2, false)
            .with(0, 0, late)
            .with(1, SECOND / 70, Plan::default());
        scenario.hosts[0].local = true;
        scenario.reduce = true;
        scenario.faults = Faults {
            late: vec![DELTA - 1],
            slow: vec![SETTLE],
            ..replies(1)
        };
        all("a_client_breaks_what_the_server_locked_again", &scenario);
    }
}
