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

//! Whose lock it is: what a lock's contents say, and what tells one lock from
//! every other.

use crate::name::fnv1a;

/// The digits of a token, six bits each.  None is white space, and the first
/// byte of a token is none of the decimal ones.
const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";

/// The first byte of every token.  A letter, so that `atoi()` finds no process
/// id in it: a peer that asks its own host whether that process lives would
/// take our lock for dead whenever we run on another host.
const MARK: u8 = b'L';

const HOST_DIGITS: usize = 4;
const PID_DIGITS: usize = 4;
const PROCESS_DIGITS: usize = 3;
const RANDOM_DIGITS: usize = 4;

/// What a lock contains: its holder's host and process, and random bits that
/// make it differ from every other lock of that process.
///
/// Sixteen bytes, since procmail breaks no longer lock, and a lock of ours
/// that was left behind must not be in its way for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token([u8; Token::LEN]);

impl Token {
    /// Length of a token in bytes.
    pub const LEN: usize = 1 + HOST_DIGITS + PID_DIGITS + PROCESS_DIGITS + RANDOM_DIGITS;

    /// A token for a lock of a process.  Its mark is what tells it from others
    /// that have or had the same id on the same host.
    pub fn new(host: &[u8], pid: i32, mark: u64, random: u64) -> Self {
        // A process id that does not fit is told as 0, not as some other
        // process's.
        let pid = u64::try_from(pid).ok().filter(|pid| pid >> 24 == 0);
        let pid = pid.unwrap_or(0);
        let mut token = [MARK; Self::LEN];
        let digits = token.iter_mut().skip(1);
        let values = digits_of(fnv1a(host), HOST_DIGITS)
            .chain(digits_of(pid, PID_DIGITS))
            .chain(digits_of(mark, PROCESS_DIGITS))
            .chain(digits_of(random, RANDOM_DIGITS));
        for (digit, value) in digits.zip(values) {
            *digit = value;
        }
        Self(token)
    }

    /// The token that a file contains, unless the file is some peer's.
    pub fn parse(contents: &[u8]) -> Option<Self> {
        let token = Self(contents.try_into().ok()?);
        let (mark, digits) = token.0.split_first()?;
        (*mark == MARK && digits.iter().all(|digit| DIGITS.contains(digit))).then_some(token)
    }

    /// The token as it is written into a file.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The short id of the holder's host: a hash of its name.
    pub fn host_id(&self) -> &[u8] {
        self.0.get(1..=HOST_DIGITS).unwrap_or_default()
    }

    /// Was this token made on the host of that name?
    pub fn is_from(&self, host: &[u8]) -> bool {
        digits_of(fnv1a(host), HOST_DIGITS).eq(self.host_id().iter().copied())
    }

    /// Was this token made by the process that has this mark, and its id?
    pub fn has_mark(&self, mark: u64) -> bool {
        let digits = self.0.iter().skip(1 + HOST_DIGITS + PID_DIGITS);
        digits_of(mark, PROCESS_DIGITS).eq(digits.take(PROCESS_DIGITS).copied())
    }

    /// The holder's process id on its own host; 0 where it did not fit.
    pub fn pid(&self) -> i32 {
        let digits = self.0.iter().skip(1 + HOST_DIGITS).take(PID_DIGITS);
        digits.fold(0, |pid, digit| {
            let value = DIGITS.iter().position(|d| d == digit).unwrap_or(0);
            (pid << 6) | i32::try_from(value).unwrap_or(0)
        })
    }
}

/// The `count` lowest digits of a number, the highest first.
fn digits_of(number: u64, count: usize) -> impl Iterator<Item = u8> {
    (0..count).rev().map(move |place| {
        let shift = u32::try_from(place).unwrap_or(0).wrapping_mul(6);
        let value = number.wrapping_shr(shift) & 63;
        DIGITS
            .get(usize::try_from(value).unwrap_or(0))
            .copied()
            .unwrap_or(MARK)
    })
}

/// What tells one lock from every other.  The inode's number alone does not:
/// it is used again at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The device it is on.
    pub dev: u64,
    /// Its inode's number.
    pub ino: u64,
    /// What it contains.
    pub token: Token,
}
