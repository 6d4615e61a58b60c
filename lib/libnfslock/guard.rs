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

//! The guard on a lock: who has it is the only one to remove the lock without
//! being its holder, or after its lease ran out.
//!
//! A guard itself may be left behind, and then is removed by whoever sees it
//! unchanged for long enough.  Two who do that at once may hit a third one's
//! new guard, and then two have it.  That is why nobody who judges by age acts
//! under a guard before it has settled, for longer than a request sent before
//! can take, and was looked at again (Fischer's rule: timing carries what
//! atomicity cannot).
//!
//! Who is the only one that may act, a lock's own holder or the one heir of a
//! dead one, need not wait, if it acts at once: whoever else gets the guard
//! meanwhile waits for longer than that takes, and then finds the lock gone.

use crate::claim::{drop_if_ours, Claim, Taken};
use crate::filesystem::FileSystem;
use crate::identity::Token;
use crate::name::Name;
use crate::observation::Observation;
use crate::status::{Failure, Status};
use crate::timing::{Span, Timing};

/// A guard that is held.
pub struct Guard<'a, F: FileSystem> {
    fs: &'a F,
    name: Name,
    /// The file; made just now, it tells the server's present.
    pub taken: Taken,
    /// When the request for it was sent, and when it was heard of.
    sent: Span,
    made: Span,
    settled: bool,
}

impl<'a, F: FileSystem> Guard<'a, F> {
    /// Take the guard on a lock.  `None`: another has it, or had it and was
    /// seen to be dead, so that a later try will succeed.
    pub fn take(
        fs: &'a F,
        lock: &Name,
        own: &Token,
        timing: &Timing,
        others: &mut Observation,
    ) -> Result<Option<Self>, Failure> {
        let name = lock.of_guard().map_err(Failure::system)?;
        // On a local file system it is this process's own token, by which
        // others know when it is dead.  Elsewhere the name of the temporary
        // follows from the token, and may be in use for the lock's.
        let contents = if fs.is_local() { *own } else { fs.token() };
        let sent = fs.monotonic();
        let mut claim = Claim::on(fs, &name, contents, timing);
        let taken = claim.attempt();
        if !matches!(taken, Ok(Some(_))) {
            claim.withdraw();
        }
        match taken {
            Ok(Some(taken)) => Ok(Some(Self {
                fs,
                name,
                taken,
                sent,
                made: fs.monotonic(),
                settled: false,
            })),
            Ok(None) | Err(libc::EINTR) => {
                let mut looked = fs.monotonic();
                let mut dead = others.look(fs, &name)? >= Some(timing.watch);
                // Over NFS a request of the dead may still be on its way, and
                // age alone tells that it has arrived.
                if !dead && fs.is_local() && others.dead(fs).is_some() {
                    // It may have changed hands while that was found out.
                    looked = fs.monotonic();
                    let unchanged = others.look(fs, &name)?;
                    dead = unchanged.is_some_and(|time| !time.is_zero());
                }
                if dead && fs.monotonic().minus(looked) < timing.slack {
                    // Whatever comes of it, the next look tells.
                    let _ = fs.unlink(name.as_c_str());
                }
                Ok(None)
            }
            Err(errno) => Err(Failure::system(errno)),
        }
    }

    /// Take the guard on a lock of ours whose lease ran out.  Timed out:
    /// others have it for longer than any one may.
    pub fn wait(fs: &'a F, lock: &Name, own: &Token, timing: &Timing) -> Result<Self, Failure> {
        let mut others = Observation::default();
        let start = fs.monotonic();
        while fs.monotonic().minus(start) < timing.watch.times(2) {
            if let Some(guard) = Self::take(fs, lock, own, timing, &mut others)? {
                return Ok(guard);
            }
            fs.wait(timing.slack);
        }
        Err(Status::TimedOut.into())
    }

    /// Let the guard settle, by waiting for what is left of that time.
    pub fn settle(
        &mut self,
        timing: &Timing,
        wait: impl FnOnce(Span) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let gone_by = self.fs.monotonic().minus(self.made);
        wait(timing.settle.minus(gone_by))?;
        self.settled = true;
        Ok(())
    }

    /// May its owner act now?  To be asked right before acting, and after
    /// everything else.
    pub fn permits(&self, timing: &Timing) -> bool {
        let looked = self.fs.monotonic();
        if !self.settled {
            return looked.minus(self.sent) < timing.slack;
        }
        let found = self.fs.look(self.name.as_c_str());
        let now = self.fs.monotonic();
        found.is_ok_and(|found| found.is(&self.taken.identity))
            && now.minus(looked) < timing.slack
            && now.minus(self.sent) < timing.lease
    }

    /// Let the guard go, if it is still ours.
    pub fn release(self, timing: &Timing) {
        drop_if_ours(self.fs, &self.name, &self.taken.identity, timing);
    }
}
