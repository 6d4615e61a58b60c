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

use nfslock_sim::few::{all, dies, hosts, once, replies, requests, DELTA, LEASE, SETTLE};
use nfslock_sim::scenario::{Faults, Plan, Step};
use nfslock_sim::world::SECOND;

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
