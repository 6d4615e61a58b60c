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

//! Watching a file for signs of life.

use crate::filesystem::{Contents, FileSystem, Look};
use crate::identity::Token;
use crate::name::Name;
use crate::status::Failure;
use crate::timing::Span;

/// What was last seen under a name, and since when it is unchanged.
#[derive(Default)]
pub struct Observation(Option<(Look, Span)>);

impl Observation {
    /// Look again, and answer for how long nothing has changed; `None` if
    /// nothing is there.
    pub fn look<F: FileSystem>(&mut self, fs: &F, name: &Name) -> Result<Option<Span>, Failure> {
        let sent = fs.monotonic();
        let found = match fs.look(name.as_c_str()) {
            Ok(found) => found,
            Err(libc::ENOENT | libc::ESTALE) => {
                self.0 = None;
                return Ok(None);
            }
            Err(errno) => return Err(Failure::system(errno)),
        };
        match &self.0 {
            // Until the look was sent: what it tells may be that old.
            Some((seen, since)) if found.is_unchanged_since(seen) => Ok(Some(sent.minus(*since))),
            _ => {
                self.0 = Some((found, fs.monotonic()));
                Ok(Some(Span::ZERO))
            }
        }
    }

    /// What was last seen.
    pub fn seen(&self) -> Option<&Look> {
        self.0.as_ref().map(|(look, _)| look)
    }

    /// The token in what was last seen, or one that stands for it if it is a
    /// peer's.
    pub fn token(&self) -> Option<Token> {
        let seen = self.seen()?;
        match seen.contents {
            Contents::Ours(token) => Some(token),
            Contents::Foreign | Contents::Unreadable => {
                let (ino, time) = (seen.attributes.ino, seen.attributes.ctime);
                let host = seen.attributes.dev.to_ne_bytes();
                Some(Token::new(&host, 0, ino, time.nanoseconds.unsigned_abs()))
            }
        }
    }

    /// The token in what was last seen, if whoever made it is known to be dead.
    pub fn dead<F: FileSystem>(&self, fs: &F) -> Option<Token> {
        let seen = self.seen()?;
        match seen.contents {
            Contents::Ours(token) if fs.is_dead(&token, seen.attributes.uid) => Some(token),
            _ => None,
        }
    }
}
