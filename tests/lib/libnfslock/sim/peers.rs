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

//! Other programs that lock the same mailbox, by rules of their own.

use std::rc::Rc;

use crate::process::{Process, Script};
use crate::world::{Nanos, LOCK, SECOND};

/// How a peer locks: exclusive create, removal without looking, and age by
/// its own host's clock against the time of the last change.
#[derive(Clone)]
pub struct Peer {
    /// What its lock contains: nothing, `0`, or a process id.
    pub contents: &'static [u8],
    /// After how many seconds it breaks a lock; never if none.
    pub patience: Option<i64>,
    /// It looks on its own host for the process whose id a lock contains,
    /// wherever that runs.
    pub asks_for_pid: bool,
    /// How long it waits between two tries.
    pub pause: Nanos,
    pub holds: Nanos,
    pub rounds: u32,
    pub tries: u32,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            contents: b"",
            patience: None,
            asks_for_pid: false,
            pause: SECOND,
            holds: SECOND,
            rounds: 1,
            tries: 60,
        }
    }
}

impl Peer {
    /// As a process does that.
    pub fn script(self) -> Script {
        Rc::new(move |process| {
            for _ in 0..self.rounds {
                self.cycle(process);
            }
        })
    }

    fn cycle(&self, process: &Process) {
        for _ in 0..self.tries {
            if process.make(LOCK, self.contents).is_ok() {
                process.holds();
                process.pause(self.holds);
                process.lets_go();
                let _ = process.remove(LOCK);
                process.pause(self.pause);
                return;
            }
            if self.is_stale(process) {
                let _ = process.remove(LOCK);
            } else {
                process.pause(self.pause);
            }
        }
    }

    fn is_stale(&self, process: &Process) -> bool {
        let Ok((stat, contents, _)) = process.open(LOCK) else {
            return false;
        };
        if self.asks_for_pid {
            let digits = contents.iter().take_while(|byte| byte.is_ascii_digit());
            let pid = digits.fold(0, |pid: i32, digit| {
                pid.wrapping_mul(10).wrapping_add(i32::from(digit - b'0'))
            });
            if pid > 0 && !process.sees(pid) {
                return true;
            }
        }
        let clock = process.world().clock(process.id);
        let age = (clock - stat.mtime) / 1_000_000_000;
        self.patience.is_some_and(|patience| age >= patience)
    }
}
