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

//! Every schedule of three processes in which two things go wrong, or as many
//! as there is time for: for those who have it.

use nfslock_sim::few::{dies, hosts, once, requests, some, LEASE};
use nfslock_sim::scenario::{Plan, Step};
use nfslock_sim::world::SECOND;

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
