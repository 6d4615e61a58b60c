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

//! Every schedule of a few processes of one host, with few faults: their queue
//! makes for many.

use nfslock_sim::few::{all, dies, ends, hosts, replies, DELTA, LEASE, SETTLE};
use nfslock_sim::scenario::{Faults, Plan, Step};
use nfslock_sim::world::{Meeting, SECOND};

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
    scenario.faults = ends();
    all("neighbours_line_up", &scenario);
}

#[test]
fn two_hosts_have_the_same_name_and_ids() {
    // To the other host, the dead one's name and id are those of a living.
    let mut scenario = hosts(2, false)
        .with(0, 0, dies())
        .with(1, 1, Plan::default())
        .with(1, 1, Plan::default());
    scenario.hosts[1].name = scenario.hosts[0].name;
    scenario.reduce = true;
    scenario.faults = Faults {
        kills: true,
        ..replies(1)
    };
    all("two_hosts_have_the_same_name_and_ids", &scenario);
}

#[test]
fn nobody_may_be_the_heir() {
    let mut scenario = hosts(1, false)
        .with(0, 0, dies())
        .with(0, 1, Plan::default())
        .with(0, 1, Plan::default());
    scenario.hosts[0].meeting = Meeting::Refusing;
    scenario.reduce = true;
    scenario.faults = Faults {
        late: vec![DELTA - 1],
        ..replies(1)
    };
    all("nobody_may_be_the_heir", &scenario);
}

#[test]
fn a_presence_cannot_be_withdrawn() {
    // The request that removes the lock is on its way when its sender dies.
    let holds = Plan {
        steps: vec![Step::Wait(LEASE / 4)],
        ..Plan::default()
    };
    let mut scenario = hosts(1, false)
        .with(0, 0, holds.clone())
        .with(0, 1, holds.clone())
        .with(0, 2, holds);
    scenario.reduce = true;
    scenario.faults = Faults {
        budget: 2,
        stubborn: true,
        kills: true,
        late: vec![DELTA - 1],
        ..Faults::default()
    };
    all("a_presence_cannot_be_withdrawn", &scenario);
}

#[test]
fn neighbours_lock_again() {
    let waits = Plan {
        steps: vec![Step::Wait(SECOND / 2)],
        ..Plan::default()
    };
    for rest in [0, SECOND / 10] {
        let relocks = Plan {
            rounds: 2,
            rest,
            relocks: true,
            common: false,
            ..waits.clone()
        };
        let mut scenario = hosts(1, true)
            .with(0, 0, relocks)
            .with(0, SECOND / 2, waits.clone())
            .with(0, SECOND, waits.clone());
        scenario.reduce = true;
        scenario.faults = ends();
        all("neighbours_lock_again", &scenario);
    }
}
