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

//! The queue of this host's processes for one lock.
//!
//! Each waits for the end of the presence of the one before it: of the holder,
//! if that is on this host, or of the last one to line up.  So one is woken
//! when the lock is released or its holder dies, the others sleep on, and of
//! all the processes of a host one alone asks the server about a lock that
//! another host holds.
//!
//! It is a hint.  Whoever waits here tries for the lock now and then without
//! having been woken, and who comes new and finds it free asks nobody.

use crate::filesystem::FileSystem;
use crate::identity::Token;
use crate::patience::{breather, Patience};
use crate::status::Failure;
use crate::timing::Span;

/// A longer queue is somebody's trap.
const LONGEST: u32 = 256;

/// And so is a place that is taken by nobody so often.
const MISSES: u32 = 4;

/// A place in the queue.
pub struct Queue<'a, F: FileSystem> {
    fs: &'a F,
    own: Token,
    /// Whose lock was waited for when we lined up.
    holder: Option<Token>,
    /// Whom we lined up behind.
    place: Option<Token>,
    /// The last one before us that was there.
    ahead: Option<F::Neighbour>,
    /// It was gone, and that was no use.
    woken: bool,
    /// Behind whom we did not wait before another try.
    tried: Option<Token>,
    /// That was just now.
    fresh: bool,
}

impl<'a, F: FileSystem> Queue<'a, F> {
    /// Nowhere yet.
    pub fn new(fs: &'a F, own: Token) -> Self {
        Self {
            fs,
            own,
            holder: None,
            place: None,
            ahead: None,
            woken: false,
            tried: None,
            fresh: false,
        }
    }

    /// Wait before the next try for a lock that has this holder's token.
    /// True: the one ahead has gone, or may have.
    pub fn wait(
        &mut self,
        holder: Option<Token>,
        patience: &mut Patience<'_, F>,
    ) -> Result<bool, Failure> {
        // Somebody may wake us all the time to have us ask all the time.
        if core::mem::take(&mut self.woken) {
            return patience.pause().map(|()| false);
        }
        // A lock that was won unnoticed is no reason to wait for oneself.
        let holder = holder.filter(|holder| *holder != self.own);
        if (self.ahead.is_none() || self.fresh) && self.holder != holder {
            self.leave();
            self.ahead = None;
            self.holder = holder;
            if let Some(holder) = &holder {
                self.line_up(holder);
            }
            // A holder on a local file system that saw nobody here when it let
            // the lock go stays present, for the next one.
            let is_next = self.place.is_some() && self.place == holder;
            if !is_next {
                self.tried = None;
            }
            self.fresh = self.fs.is_local() && is_next && self.tried != holder;
            if self.fresh {
                self.tried = holder;
                return patience.wait(Span::ZERO).map(|()| true);
            }
        }
        self.fresh = false;
        let Some(ahead) = &self.ahead else {
            return patience.pause().map(|()| false);
        };
        let gone = patience.wait_behind(ahead)?;
        if gone {
            self.ahead = None;
            self.holder = None;
            self.woken = true;
        }
        Ok(gone)
    }

    /// Go to the end of the queue.
    fn line_up(&mut self, holder: &Token) {
        let mut last = *holder;
        let mut misses: u32 = 0;
        self.ahead = self.fs.neighbour(&last);
        for _ in 0..LONGEST {
            if self.fs.line_up(&last, &self.own) {
                self.place = Some(last);
                return;
            }
            match self.fs.next_after(&last) {
                Some(next) if next == self.own => return,
                Some(next) => {
                    if let Some(neighbour) = self.fs.neighbour(&next) {
                        self.ahead = Some(neighbour);
                        last = next;
                    } else {
                        // It was killed, and left its place behind.
                        self.fs.step_out(&last);
                        if self.fs.next_after(&last) == Some(next) {
                            last = next;
                        }
                    }
                }
                // It left this very moment, or is nobody.
                None if misses < MISSES => misses = misses.saturating_add(1),
                None => return,
            }
        }
    }

    /// Give up the place.  Whoever is behind stays there.
    pub fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            self.fs.step_out(&place);
        }
    }
}

impl<F: FileSystem> Drop for Queue<'_, F> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// How long who released a lock waits for the next one to take it, and how
/// often it looks.
const HAND_OVER: u32 = 20;
const HAND_OVER_LOOK: Span = Span::from_micros(50);

/// After a release, wake the next in the queue, and let it have the lock before
/// this process can come for it again: who is being woken would lose every
/// such race.
pub fn hand_over<F: FileSystem>(fs: &F, own: &Token, presence: F::Presence) {
    if fs.next_after(own).is_none() {
        return;
    }
    fs.ring(&presence);
    drop(presence);
    let end = fs.monotonic().plus(breather(fs));
    while fs.monotonic() < end {
        fs.wait(end.minus(fs.monotonic()));
    }
    for _ in 0..HAND_OVER {
        fs.wait(HAND_OVER_LOOK);
        if fs.next_after(own).is_none() {
            return;
        }
    }
}
