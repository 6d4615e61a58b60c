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

//! What the protocol needs of this host's kernel, whatever the mailbox's file
//! system is: clocks, chance, and the other processes of this host.
//!
//! A process that holds or waits for a lock shows its presence under its
//! token, which the kernel ends when the process does, by whatever means.
//! Two things hang on that.  A holder that is present nowhere any more, and
//! whose process is gone, is dead: its lock need not grow old.  And who waits
//! behind another process is woken when that one is done.
//!
//! Everything here may be missing, and then costs time and nothing else.  Only
//! [`Host::is_dead`] is relied on, and only when it says yes.

use crate::identity::Token;
use crate::timing::Span;

/// This host, as one of its processes sees it.
pub trait Host {
    /// This process, present under a token until it is withdrawn and dropped.
    type Presence;
    /// Another process of this host that was seen to be present.
    type Neighbour;

    /// The time since some moment, on a clock that no one sets, and that does
    /// not stop when the machine sleeps.
    fn monotonic(&self) -> Span;

    /// Wait, or return early after a signal.
    fn wait(&self, time: Span);

    /// Random bits.
    fn random(&self) -> u64;

    /// This process.
    fn pid(&self) -> i32;

    /// A token that no other lock has.
    fn token(&self) -> Token;

    /// Be present under a token, for all who lock in the same directory on
    /// this host.  `None`: this host has no place for that.
    fn appear(&self, token: &Token) -> Option<Self::Presence>;

    /// From now on nobody new sees this presence, and whoever asks whether
    /// its process is dead is told no; if that could be done.  Those who saw
    /// it before are told of its end when it is dropped.
    fn withdraw(&self, presence: &Self::Presence) -> bool;

    /// Wake who waits for its end, even though a child may still have it.
    fn ring(&self, presence: &Self::Presence);

    /// The process that is present under a token now; `None` if none is, be
    /// it that it is on another host.
    fn neighbour(&self, token: &Token) -> Option<Self::Neighbour>;

    /// Wait that long for the end of another's presence, or return early
    /// after a signal.  Has it ended?
    fn outlived(&self, neighbour: &Self::Neighbour, time: Span) -> bool;

    /// Is the process that made this token, and a lock with this owner, known
    /// to be dead?  Yes only where the token was present on this host's
    /// kernel, was never withdrawn, is not present in any process any more
    /// (one that it forked may go on with its work), and its process is gone:
    /// so that its files are closed, and what it wrote is on its way.
    fn is_dead(&self, token: &Token, owner: u32) -> bool;

    /// Become the one that may remove what a dead process left.  True for one
    /// caller alone, once; after that nobody is told any more that it is dead.
    fn inherit(&self, token: &Token) -> bool;

    /// Line up behind a token, unless another is there already.
    fn line_up(&self, ahead: &Token, own: &Token) -> bool;

    /// Who is lined up behind a token?  Anybody may have lied here.
    fn next_after(&self, ahead: &Token) -> Option<Token>;

    /// Is certainly nobody lined up behind a token?  Not if the place cannot be
    /// read: who finds it taken can make himself heard in no other way.
    fn is_last(&self, token: &Token) -> bool;

    /// Leave the place behind a token.
    fn step_out(&self, ahead: &Token);

    /// Remove what processes that were killed left in the place for all this.
    fn tidy(&self);
}
