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

//! Names of the files that the protocol makes: in the mailbox's own directory,
//! and in this host's memory.
//!
//! Only the lock's name follows from the mailbox's by appending.  The others
//! have a fixed length, so that a mailbox whose lock just fits `NAME_MAX` can
//! still be locked, and begin with a dot, as hardly any user's mailbox does.

use core::ffi::{c_int, CStr};

use crate::identity::Token;
use crate::status::Failure;

/// What follows the mailbox's name in its lock's.
const LOCK_SUFFIX: &[u8] = b".lock";
/// A temporary, that `link(2)` makes into a lock.
const TEMPORARY_PREFIX: &[u8] = b".nfslk.";
/// The guard under which a lock is broken.
const GUARD_PREFIX: &[u8] = b".nfslg.";
/// A broken lock, before it is removed.
const ASIDE_PREFIX: &[u8] = b".nfslb.";
/// A process that is present on its host, and the place behind it.
const PRESENCE_PREFIX: &[u8] = b"nfslock.";

const NAME_MAX: usize = 255;

/// The name of a file in the mailbox's directory.
#[derive(Clone)]
pub struct Name {
    bytes: [u8; NAME_MAX + 1],
    len: usize,
}

impl Name {
    /// The name of a mailbox's lock.
    pub fn of_lock(mailbox: &CStr) -> Result<Self, Failure> {
        let mailbox = mailbox.to_bytes();
        if matches!(mailbox, b"" | b"." | b"..") || mailbox.contains(&b'/') {
            return Err(Failure::system(libc::EINVAL));
        }
        Self::joined(&[mailbox, LOCK_SUFFIX]).map_err(Failure::system)
    }

    /// The name of the temporary that carries a token.  Nobody else ever uses
    /// it, so that a request that comes late finds nothing of another's to harm.
    pub fn of_temporary(token: &Token) -> Result<Self, c_int> {
        Self::joined(&[TEMPORARY_PREFIX, token.as_bytes()])
    }

    /// A name, made from a token that nobody else has, under which a lock is put
    /// aside.
    pub fn of_aside(token: &Token) -> Result<Self, c_int> {
        Self::joined(&[ASIDE_PREFIX, token.as_bytes()])
    }

    /// The name of a lock's guard.  Two locks whose names have the same hash
    /// share a guard, which costs time and never safety.
    pub fn of_guard(&self) -> Result<Self, c_int> {
        Self::joined(&[GUARD_PREFIX, &hex(fnv1a(self.as_bytes()))])
    }

    /// The name under which a process is present on its host, for the others
    /// of the same scope.
    pub fn of_presence(token: &Token, scope: u64) -> Result<Self, c_int> {
        Self::joined(&[PRESENCE_PREFIX, token.as_bytes(), b".", &hex(scope)])
    }

    /// The name of the place behind it.
    pub fn of_place_behind(ahead: &Token, scope: u64) -> Result<Self, c_int> {
        Self::joined(&[PRESENCE_PREFIX, ahead.as_bytes(), b"+", &hex(scope)])
    }

    /// The token of whoever is present under a name of that scope.
    pub fn presence(name: &CStr, scope: u64) -> Option<Token> {
        Self::host_local(name, b'.', scope)
    }

    /// The token behind which a place has this name, in that scope.
    pub fn place_behind(name: &CStr, scope: u64) -> Option<Token> {
        Self::host_local(name, b'+', scope)
    }

    fn host_local(name: &CStr, mark: u8, scope: u64) -> Option<Token> {
        let rest = name.to_bytes().strip_prefix(PRESENCE_PREFIX)?;
        let rest = rest.strip_suffix(&hex(scope))?.strip_suffix(&[mark])?;
        Token::parse(rest)
    }

    /// Is this the name of a file that the protocol makes beside the locks,
    /// and that may have been left by a process that was killed?
    pub fn is_leftover(name: &CStr) -> bool {
        let bytes = name.to_bytes();
        let rest = bytes.strip_prefix(TEMPORARY_PREFIX);
        let rest = rest.or_else(|| bytes.strip_prefix(ASIDE_PREFIX));
        Self::is_guard(name) || rest.and_then(Token::parse).is_some()
    }

    /// Is this the name of a guard?
    pub fn is_guard(name: &CStr) -> bool {
        let digits = name.to_bytes().strip_prefix(GUARD_PREFIX);
        digits.is_some_and(|digits| {
            digits.len() == HEX_DIGITS && digits.iter().all(|digit| HEX.contains(digit))
        })
    }

    fn joined(parts: &[&[u8]]) -> Result<Self, c_int> {
        let mut name = Self {
            bytes: [0; NAME_MAX + 1],
            len: 0,
        };
        for byte in parts.iter().copied().flatten() {
            if name.len >= NAME_MAX {
                return Err(libc::ENAMETOOLONG);
            }
            if let Some(to) = name.bytes.get_mut(name.len) {
                *to = *byte;
            }
            name.len = name.len.saturating_add(1);
        }
        Ok(name)
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The name, terminated.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

const HEX_DIGITS: usize = 16;
const HEX: &[u8; 16] = b"0123456789abcdef";

fn hex(mut number: u64) -> [u8; HEX_DIGITS] {
    let mut digits = [b'0'; HEX_DIGITS];
    for digit in &mut digits {
        *digit = HEX.get((number >> 60) as usize).copied().unwrap_or(b'0');
        number <<= 4;
    }
    digits
}

/// The 64-bit FNV-1a hash: short, and good enough to tell names apart.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
