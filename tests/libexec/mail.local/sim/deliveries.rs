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

//! Deliveries, readers and peers on one mailbox, over a simulated NFS.
//!
//! With NFSLOCK_SOAK=N, what is left to chance is N times as much, and what
//! is complete is so with one fault more, as far as that gets in N minutes.
//! NFSLOCK_REPLAY runs one schedule again, as a failure says.

use std::time::{Duration, Instant};

use mail_local_sim::actors::Actor;
use mail_local_sim::explore::{exhaust, replay, wander};
use mail_local_sim::schedule::{Faults, Scenario};
use mail_local_sim::world::KernelLocks;

const NONE: Faults = Faults {
    replies: false,
    errors: false,
    kills: false,
    signals: false,
    crashes: false,
    delays: false,
    stops: false,
};
const SHORT: Actor = Actor::Deliver {
    pieces: 1,
    pause: 0,
};
const LONG: Actor = Actor::Deliver {
    pieces: 3,
    pause: 0,
};
/// So long that the lock has to be refreshed between its pieces.
const SLOW: Actor = Actor::Deliver {
    pieces: 4,
    pause: 2500,
};
const WRONG_CLOCK: Actor = Actor::Steal {
    age: 60,
    skew: 90,
    held: 1,
};
/// So short that who is robbed may be writing yet when the next one is.
const FLEETING: Actor = Actor::Steal {
    age: 60,
    skew: 90,
    held: 0,
};
/// So many schedules of each scenario that is left to chance.
const SEEDS: u64 = 20_000;
const OLD: &[u8] = b"From x\nold\n\n";
const TORN: &[u8] = b"From x\nto";

fn scenario(name: &'static str, actors: &[(Actor, usize)], faults: Faults) -> Scenario {
    Scenario {
        name,
        actors: actors.to_vec(),
        mailbox: Some(OLD),
        unstable: false,
        kernel_locks: KernelLocks::OfTheServer,
        local: false,
        faults,
        budget: 1,
    }
}

/// Small enough for every order of the steps, with one fault anywhere.
fn small() -> Vec<Scenario> {
    let two_hosts = [(LONG, 0), (SHORT, 1)];
    let one_host = [(SHORT, 0), (SHORT, 0)];
    vec![
        Scenario {
            budget: 0,
            ..scenario("two-orders", &two_hosts, NONE)
        },
        Scenario {
            mailbox: None,
            ..scenario(
                "two-new",
                &two_hosts,
                Faults {
                    kills: true,
                    ..NONE
                },
            )
        },
        scenario(
            "two-kills",
            &two_hosts,
            Faults {
                kills: true,
                ..NONE
            },
        ),
        Scenario {
            mailbox: Some(TORN),
            ..scenario(
                "two-errors",
                &two_hosts,
                Faults {
                    errors: true,
                    signals: true,
                    ..NONE
                },
            )
        },
        scenario(
            "two-replies",
            &two_hosts,
            Faults {
                replies: true,
                delays: true,
                ..NONE
            },
        ),
        scenario(
            "two-crashes",
            &two_hosts,
            Faults {
                crashes: true,
                ..NONE
            },
        ),
        Scenario {
            unstable: true,
            ..scenario(
                "lost-crashes",
                &[(LONG, 0)],
                Faults {
                    crashes: true,
                    ..NONE
                },
            )
        },
        scenario(
            "two-stops",
            &two_hosts,
            Faults {
                stops: true,
                ..NONE
            },
        ),
        scenario(
            "two-appender",
            &[(LONG, 0), (Actor::Append, 1)],
            Faults {
                kills: true,
                errors: true,
                signals: true,
                delays: true,
                ..NONE
            },
        ),
        scenario(
            "one-host-kills",
            &one_host,
            Faults {
                kills: true,
                ..NONE
            },
        ),
        Scenario {
            kernel_locks: KernelLocks::OfEachHost,
            ..scenario(
                "reader-kills",
                &[(SHORT, 0), (Actor::Read, 1)],
                Faults {
                    kills: true,
                    replies: true,
                    ..NONE
                },
            )
        },
    ]
}

/// The same on a file system of the host's own.
fn local() -> Vec<Scenario> {
    let two = [(LONG, 0), (SHORT, 0)];
    let of = |name, actors: &[(Actor, usize)], faults| Scenario {
        local: true,
        ..scenario(name, actors, faults)
    };
    vec![
        of(
            "local-kills",
            &two,
            Faults {
                kills: true,
                crashes: true,
                ..NONE
            },
        ),
        of(
            "local-errors",
            &two,
            Faults {
                errors: true,
                signals: true,
                ..NONE
            },
        ),
        of(
            "local-remover",
            &[(LONG, 0), (Actor::Remove, 0), (Actor::Remove, 0)],
            Faults {
                delays: true,
                ..NONE
            },
        ),
        of(
            "local-appender",
            &[(LONG, 0), (Actor::Append, 0)],
            Faults {
                errors: true,
                kills: true,
                delays: true,
                ..NONE
            },
        ),
    ]
}

/// Left to chance, with several faults.
fn large() -> Vec<Scenario> {
    let lawful = Faults {
        replies: true,
        errors: true,
        kills: true,
        signals: true,
        crashes: true,
        delays: true,
        stops: false,
    };
    let all = Faults {
        stops: true,
        ..lawful
    };
    let many = [(SLOW, 0), (LONG, 1), (SHORT, 1), (Actor::Read, 2)];
    let thief = Actor::Steal {
        age: 5,
        skew: 0,
        held: 1,
    };
    vec![
        Scenario {
            budget: 2,
            ..scenario(
                "two-stops-errors",
                &[(LONG, 0), (SLOW, 1)],
                Faults {
                    errors: true,
                    stops: true,
                    ..NONE
                },
            )
        },
        Scenario {
            budget: 2,
            kernel_locks: KernelLocks::OfEachHost,
            ..scenario(
                "two-robbed",
                &[(LONG, 0), (LONG, 1), (WRONG_CLOCK, 2)],
                Faults {
                    delays: true,
                    ..NONE
                },
            )
        },
        Scenario {
            budget: 0,
            kernel_locks: KernelLocks::OfEachHost,
            ..scenario(
                "robbed-orders",
                &[(SHORT, 0), (SHORT, 1), (FLEETING, 2)],
                NONE,
            )
        },
        Scenario {
            budget: 3,
            local: true,
            ..scenario(
                "many-local",
                &[
                    (SLOW, 0),
                    (LONG, 0),
                    (Actor::Remove, 0),
                    (Actor::Read, 0),
                    (Actor::Append, 0),
                ],
                Faults {
                    stops: false,
                    replies: false,
                    ..lawful
                },
            )
        },
        Scenario {
            budget: 4,
            ..scenario("many-lawful", &many, lawful)
        },
        Scenario {
            budget: 4,
            kernel_locks: KernelLocks::OfEachHost,
            mailbox: None,
            ..scenario(
                "many-new",
                &[(LONG, 0), (SLOW, 1), (SHORT, 2), (LONG, 2)],
                lawful,
            )
        },
        Scenario {
            budget: 4,
            ..scenario("many-stops", &many, all)
        },
        Scenario {
            budget: 3,
            ..scenario("thief", &[(SLOW, 0), (LONG, 1), (thief, 2)], lawful)
        },
        Scenario {
            budget: 3,
            kernel_locks: KernelLocks::OfEachHost,
            ..scenario(
                "wrong-clock",
                &[(SLOW, 0), (LONG, 1), (LONG, 2), (WRONG_CLOCK, 2)],
                lawful,
            )
        },
    ]
}

fn soak() -> Option<u32> {
    std::env::var("NFSLOCK_SOAK").ok()?.parse().ok()
}

fn one(name: &str) -> Scenario {
    let mut all = small().into_iter().chain(local()).chain(large());
    all.find(|scenario| scenario.name == name)
        .expect("a scenario of that name")
}

fn told(name: &str, begun: Instant, explored: &mail_local_sim::explore::Explored, how: &str) {
    let seconds = begun.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let rate = explored.schedules as f64 / seconds.max(0.001);
    println!(
        "simulation: delivery {name}: {} schedules, {rate:.0}/s; {} steps, {how}",
        explored.schedules, explored.steps
    );
}

fn all_of(scenario: &Scenario, limit: Duration) {
    let begun = Instant::now();
    let explored = exhaust(scenario, begun + limit);
    let how = if explored.cut { "cut" } else { "complete" };
    let how = format!("{how} with up to {} faults", scenario.budget);
    told(scenario.name, begun, &explored, &how);
}

fn some_of(name: &str) {
    let scenario = one(name);
    let begun = Instant::now();
    // The same every day; others in each soak.
    let (first, times) = match soak() {
        Some(times) => (u64::from(std::process::id()) << 32, times),
        None => (1, 1),
    };
    let seeds = first..first + SEEDS * u64::from(times);
    let how = format!("seeds {} to {}", seeds.start, seeds.end - 1);
    told(name, begun, &wander(&scenario, seeds), &how);
}

macro_rules! tests {
    ($how:ident: $($test:ident = $name:literal),* $(,)?) => {
        $(#[test] fn $test() { $how($name) })*
    };
}

fn complete(name: &str) {
    all_of(&one(name), Duration::from_secs(60));
}

tests!(complete:
    two_orders = "two-orders",
    two_new = "two-new",
    two_kills = "two-kills",
    two_errors = "two-errors",
    two_replies = "two-replies",
    two_crashes = "two-crashes",
    lost_crashes = "lost-crashes",
    two_stops = "two-stops",
    one_host_kills = "one-host-kills",
    reader_kills = "reader-kills",
    local_kills = "local-kills",
    local_errors = "local-errors",
    local_remover = "local-remover",
    local_appender = "local-appender",
    two_appender = "two-appender",
);

tests!(some_of:
    two_stops_errors = "two-stops-errors",
    two_robbed = "two-robbed",
    robbed_orders = "robbed-orders",
    many_local = "many-local",
    many_lawful = "many-lawful",
    many_new = "many-new",
    many_stops = "many-stops",
    thief = "thief",
    wrong_clock = "wrong-clock",
);

#[test]
#[ignore = "long"]
fn two_faults() {
    let minutes = Duration::from_secs(60) * soak().unwrap_or(1);
    let small: Vec<Scenario> = small().into_iter().chain(local()).collect();
    let share = minutes / u32::try_from(small.len()).unwrap_or(1);
    for mut scenario in small {
        scenario.budget = 2;
        all_of(&scenario, share);
    }
}

#[test]
fn replay_one() {
    let Ok(text) = std::env::var("NFSLOCK_REPLAY") else {
        return;
    };
    let mut words = text.split_whitespace();
    let scenario = one(words.next().unwrap_or_default());
    let choices = words.map(|word| {
        let (at, chosen) = word.split_once(':').expect("step:choice");
        (
            at.parse().expect("a step"),
            chosen.parse().expect("a choice"),
        )
    });
    let done = replay(&scenario, &choices.collect(), true);
    for line in &done.trace {
        println!("{line}");
    }
    assert_eq!(done.wrong, None);
}
