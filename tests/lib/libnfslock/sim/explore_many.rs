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

//! Schedules of more processes, with many faults, by chance.

use std::rc::Rc;
use std::time::Duration;

use nfslock::name::Name;
use nfslock_sim::explore::many;
use nfslock_sim::peers::Peer;
use nfslock_sim::process::Process;
use nfslock_sim::scenario::{Faults, Host, Plan, Scenario, Step};
use nfslock_sim::world::{Meeting, Nanos, LOCK, SECOND};

/// With a stale limit of 2 seconds.
const DELTA: Nanos = SECOND / 4;
const LEASE: Nanos = SECOND;

const ERRORS: [i32; 9] = [
    libc::EIO,
    libc::EINTR,
    libc::EACCES,
    libc::ESTALE,
    libc::ENOSPC,
    libc::EDQUOT,
    libc::EPERM,
    libc::EMFILE,
    libc::EROFS,
];

/// Hosts, two of which have the same name, with so many processes each.
fn crowd(names: &[&'static str], neighbours: usize, plan: &Plan) -> Scenario {
    let mut scenario = Scenario {
        hosts: names
            .iter()
            .enumerate()
            .map(|(number, name)| Host {
                name,
                clock: i64::try_from(number).unwrap() * 7_000_000_000,
                ..Host::default()
            })
            .collect(),
        ..Scenario::default()
    };
    for host in 0..names.len() {
        for neighbour in 0..neighbours {
            let start = SECOND / 8 * (neighbour * 5 + host) as Nanos;
            scenario = scenario.with(host, start, plan.clone());
        }
    }
    scenario
}

fn holds(time: Nanos) -> Plan {
    Plan {
        steps: vec![Step::Verify, Step::Wait(time), Step::Refresh],
        rounds: 3,
        rest: SECOND / 10,
        limit: Some(60 * SECOND),
        ..Plan::default()
    }
}

/// Whatever may happen while every request takes effect once, and in time.
fn in_time(budget: u32) -> Faults {
    Faults {
        budget,
        replies: true,
        errors: ERRORS.to_vec(),
        kills: true,
        stubborn: true,
        signals: true,
        late: vec![1, DELTA / 3, DELTA - 1],
        slow: vec![
            DELTA / 8,
            DELTA / 2,
            DELTA,
            2 * DELTA,
            LEASE,
            3 * LEASE,
            10 * LEASE,
        ],
        steps: vec![-86_400, -2, 1, 2, 3600],
        stops: vec![DELTA, LEASE, 5 * LEASE],
        reboots: true,
        ..Faults::default()
    }
}

/// And whatever may not.
fn at_any_time(budget: u32) -> Faults {
    let mut faults = in_time(budget);
    let long = [DELTA, 2 * DELTA, LEASE, 3 * LEASE, 20 * LEASE];
    faults.late.extend(long);
    faults.twice.extend(long);
    faults.twice.push(1);
    faults.detached.extend(long);
    faults.stops.push(30 * LEASE);
    faults
}

#[test]
fn a_crowd_of_clients() {
    let mut scenario = crowd(&["a", "a", "b"], 2, &holds(SECOND / 2));
    scenario.faults = in_time(8);
    many("a_crowd_of_clients", &scenario, 12000);
}

#[test]
fn a_crowd_with_the_server_in_it() {
    let mut scenario = crowd(&["s", "a"], 3, &holds(SECOND / 3));
    scenario.hosts[0].local = true;
    scenario.coarse = true;
    scenario.faults = in_time(6);
    many("a_crowd_with_the_server_in_it", &scenario, 16000);
}

#[test]
fn a_crowd_that_sweeps_and_holds_for_too_long() {
    let plan = Plan {
        sweeps: true,
        steps: vec![Step::Wait(3 * LEASE / 2), Step::Verify],
        ..holds(0)
    };
    let mut scenario = crowd(&["a", "b"], 2, &plan);
    scenario.faults = in_time(6);
    many(
        "a_crowd_that_sweeps_and_holds_for_too_long",
        &scenario,
        12000,
    );
}

#[test]
fn a_crowd_of_neighbours_without_an_honest_place() {
    let mut scenario = crowd(&["a", "b", "c"], 3, &holds(SECOND / 2));
    scenario.longest = 200_000;
    scenario.hosts[0].meeting = Meeting::Missing;
    scenario.hosts[1].meeting = Meeting::Hostile;
    scenario.faults = in_time(4);
    many(
        "a_crowd_of_neighbours_without_an_honest_place",
        &scenario,
        1500,
    );
}

#[test]
fn a_crowd_of_nobodys_heirs() {
    let mut scenario = crowd(&["a", "a"], 3, &holds(SECOND / 2));
    scenario.hosts[0].meeting = Meeting::Refusing;
    scenario.faults = in_time(6);
    many("a_crowd_of_nobodys_heirs", &scenario, 6000);
}

#[test]
fn nobody_starves() {
    let mut scenario = crowd(&["a", "b"], 4, &holds(SECOND / 20));
    scenario.faults.budget = 0;
    let report = many("nobody_starves", &scenario, 4000);
    assert!(report.overtaken < 24);
}

#[test]
fn anything_happens() {
    let mut scenario = crowd(&["a", "a", "b"], 2, &holds(SECOND / 2));
    scenario.anything_goes = true;
    scenario.faults = at_any_time(8);
    many("anything_happens", &scenario, 16000);
}

/// Among other programs, with the times as they are by default.
fn among_peers(patience: Option<i64>) -> Scenario {
    let stale = Duration::from_secs(300);
    let plan = Plan {
        stale,
        steps: [Step::Wait(20 * SECOND), Step::Refresh].repeat(4),
        rounds: 2,
        rest: SECOND,
        limit: Some(3000 * SECOND),
        ..Plan::default()
    };
    let peer = Peer {
        contents: b"101",
        patience,
        rounds: 3,
        holds: 2 * SECOND,
        tries: 600,
        ..Peer::default()
    };
    let mut scenario = crowd(&["a", "b"], 2, &plan).with_peer(0, SECOND, peer.clone().script());
    scenario.stale = stale;
    scenario.faults = Faults {
        budget: 5,
        replies: true,
        kills: true,
        signals: true,
        late: vec![SECOND, 7 * SECOND],
        slow: vec![SECOND, 10 * SECOND],
        steps: vec![-3600, -2],
        ..Faults::default()
    };
    scenario.hosts.iter_mut().for_each(|host| host.clock = 0);
    scenario
}

#[test]
fn peers_break_by_age() {
    for patience in [60, 120, 300, 1024] {
        let mut scenario = among_peers(Some(patience));
        scenario.faults.steps.clear();
        let name = format!("peers_break_by_age_{patience}");
        many(&name, &scenario, 500);
    }
}

#[test]
fn peers_see_a_lock_that_is_taken_again() {
    let stale = Duration::from_secs(300);
    let plan = Plan {
        stale,
        steps: vec![Step::Wait(10 * SECOND), Step::Verify],
        rounds: 4,
        rest: 100 * SECOND,
        relocks: true,
        common: false,
        limit: Some(3000 * SECOND),
        ..Plan::default()
    };
    let peer = Peer {
        contents: b"101",
        patience: Some(60),
        rounds: 300,
        holds: SECOND,
        tries: 600,
        ..Peer::default()
    };
    let mut scenario =
        crowd(&["a", "b"], 0, &plan)
            .with(0, 0, plan)
            .with_peer(1, SECOND, peer.script());
    scenario.hosts.iter_mut().for_each(|host| host.clock = 0);
    scenario.hosts[0].local = true;
    scenario.stale = stale;
    scenario.faults = Faults {
        budget: 3,
        signals: true,
        late: vec![SECOND, 7 * SECOND],
        ..Faults::default()
    };
    many("peers_see_a_lock_that_is_taken_again", &scenario, 500);
}

#[test]
fn peers_break_what_lives() {
    let mut scenario = among_peers(Some(10));
    let rude = Peer {
        contents: b"0",
        patience: Some(60),
        asks_for_pid: true,
        rounds: 5,
        ..Peer::default()
    };
    scenario = scenario.with_peer(1, 3 * SECOND, rude.script());
    scenario.anything_goes = true;
    scenario.faults.steps = vec![3600, -3600];
    many("peers_break_what_lives", &scenario, 4000);
}

#[test]
fn a_guard_was_left_behind() {
    // By a breaker that was killed, as the holder was.
    let left = Rc::new(|process: &Process| {
        let guard = Name::of_lock(c"user").unwrap().of_guard().unwrap();
        let _ = process.make(LOCK, b"");
        let _ = process.make(guard.as_c_str(), b"");
        process.exit();
    });
    let mut scenario = crowd(&["a", "b", "c"], 0, &Plan::default())
        .with_peer(0, 0, left)
        .with(1, 1, holds(SECOND / 2))
        .with(2, 1, holds(SECOND / 2));
    scenario.faults = Faults {
        budget: 4,
        late: vec![DELTA / 2, DELTA - 1],
        ..Faults::default()
    };
    many("a_guard_was_left_behind", &scenario, 12000);
}

#[test]
fn a_crowd_that_locks_again() {
    let plan = Plan {
        relocks: true,
        common: false,
        rounds: 4,
        sweeps: true,
        ..holds(SECOND / 3)
    };
    for rest in [0, SECOND / 10, 3 * LEASE] {
        let plan = Plan {
            rest,
            ..plan.clone()
        };
        let mut scenario = crowd(&["s", "a"], 3, &plan);
        scenario.hosts[0].local = true;
        scenario.coarse = rest > LEASE;
        scenario.faults = in_time(6);
        many("a_crowd_that_locks_again", &scenario, 6000);
    }
}
