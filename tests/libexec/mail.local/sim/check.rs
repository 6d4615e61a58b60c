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

//! What must be true of a mailbox, whatever happened.

use crate::actors::{message_of, Actor, Outcome};
use crate::schedule::Scenario;
use crate::world::{Byte, World, DOTLOCK, MAILBOX};

/// A delivery has just reported success: its message stands whole, where a
/// crash of the server leaves it, or was read.
pub fn delivered(world: &mut World, process: usize) {
    let message = world.messages[process].clone();
    if message.is_empty() {
        return;
    }
    if world.must_fail.contains(&process) {
        world.violate(format!(
            "process {process} lost its lock, and reported success"
        ));
    }
    if world.read.contains(&process) || world.damaged.contains(&process) {
        return;
    }
    let file = world.find(MAILBOX).and_then(|number| world.file(number));
    let stable = file.map_or_else(|_| Vec::new(), |file| crate::world::text(&file.stable));
    if count(&stable, &message) != 1 {
        world.violate(format!(
            "process {process} reported success, and its message is not there once: {:?}",
            String::from_utf8_lossy(&stable)
        ));
    }
}

/// All have ended, and one more delivery after them.
pub fn all(world: &mut World, scenario: &Scenario, outcomes: &[Option<Outcome>]) {
    let successor = outcomes.len() - 1;
    if outcomes[successor] != Some(Outcome::Done) {
        world.violate("the next message does not arrive".to_owned());
    }
    let file = world.find(MAILBOX).and_then(|number| world.file(number));
    let data = file.map_or_else(|_| Vec::new(), |file| file.data.clone());
    let text = crate::world::text(&data);
    if let Err(what) = parse(world, scenario, outcomes, &data) {
        world.violate(format!("{what}: {:?}", String::from_utf8_lossy(&text)));
    }
    let all_ended = outcomes.iter().all(Option::is_some) && world.late.is_empty();
    let left = |name: &&std::ffi::CString| {
        let name = name.as_c_str();
        name != MAILBOX && (all_ended && scenario.budget_spares_locks() || name == DOTLOCK)
    };
    if let Some(name) = world.names.keys().find(left) {
        let name = name.clone();
        world.violate(format!("{} was left", name.to_string_lossy()));
    }
}

impl Scenario {
    fn has_thief(&self) -> bool {
        let mut actors = self.actors.iter();
        actors.any(|(actor, _)| matches!(actor, Actor::Steal { .. }))
    }

    /// Nothing goes wrong for which a process may leave a file behind.
    fn budget_spares_locks(&self) -> bool {
        !self.faults.errors && !self.faults.stops && !self.has_thief()
    }
}

fn count(text: &[u8], message: &[u8]) -> usize {
    if message.len() > text.len() {
        return 0;
    }
    let starts = 0..=text.len() - message.len();
    starts.filter(|at| text[*at..].starts_with(message)).count()
}

/// Read the mailbox as one message after the other, with nothing between them
/// but what deliveries that were cut off left, and what mends that.
fn parse(
    world: &World,
    scenario: &Scenario,
    outcomes: &[Option<Outcome>],
    data: &[Byte],
) -> Result<(), String> {
    let text = &crate::world::text(data)[..];
    let fell = |process: &usize| {
        let fell = matches!(outcomes[*process], None | Some(Outcome::Left));
        fell && !world.messages[*process].is_empty()
    };
    let damaged =
        |process: &usize| world.damaged.contains(process) || world.damaged_before.contains(process);
    let processes = 0..outcomes.len();
    let mut counts = vec![0; outcomes.len()];
    let mut at = scenario.mailbox.map_or(0, |mailbox| {
        if text.starts_with(mailbox) {
            mailbox.len()
        } else {
            0
        }
    });
    if !world.damaged.is_empty() || !world.damaged_before.is_empty() {
        // Where one of the robbed wrote over others, nothing more is known than
        // which messages he spared.
        for process in processes.clone() {
            counts[process] = count(text, &world.messages[process]);
        }
        at = text.len();
    }
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let whole = processes.clone().find(|process| {
            let message = &world.messages[*process];
            !message.is_empty() && rest.starts_with(message)
        });
        if let Some(process) = whole {
            let begins = at == 0 || text[..at].ends_with(b"\n\n");
            if outcomes[process] == Some(Outcome::Done) && !begins {
                return Err(format!("message {process} is a part of the one before"));
            }
            counts[process] += 1;
            at += world.messages[process].len();
            continue;
        }
        // The torn message of one who could not help it, by whose bytes they
        // are; where a reader copied them, by what they are: what the server
        // did not get is zeros.
        let written = data[at..].iter();
        let written = written.take_while(|byte| byte.1 < outcomes.len() && fell(&byte.1));
        let torn = processes.clone().filter(fell).map(|process| {
            let pairs = rest.iter().zip(&world.messages[process]);
            pairs
                .take_while(|(there, own)| there == own || **there == 0)
                .count()
        });
        let torn = torn.max().unwrap_or(0).max(written.count());
        let newlines = rest[torn..].iter().take(2);
        let newlines = newlines.take_while(|byte| **byte == b'\n').count();
        if torn + newlines == 0 {
            return Err(format!("at byte {at} is no message"));
        }
        at += torn + newlines;
    }
    for process in processes {
        let is_reader = scenario
            .actors
            .get(process)
            .is_some_and(|(actor, _)| message_of(*actor, process).is_empty());
        if is_reader || damaged(&process) {
            continue;
        }
        let wanted = match outcomes[process] {
            Some(Outcome::Done) if !world.read.contains(&process) => 1..=1,
            _ => 0..=1,
        };
        if !wanted.contains(&counts[process]) {
            return Err(format!(
                "message {process} is there {} times",
                counts[process]
            ));
        }
    }
    Ok(())
}
