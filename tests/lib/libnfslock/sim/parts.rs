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

//! The parts of the protocol that need no file system: tokens, names, times.

use std::ffi::CString;
use std::time::Duration;

use nfslock::filesystem::{Attributes, Contents, Kind, Look, ServerTime};
use nfslock::identity::{Identity, Token};
use nfslock::name::{fnv1a, Name};
use nfslock::timing::{Span, Timing};

fn token(host: &[u8], pid: i32, mark: u64, random: u64) -> Token {
    Token::new(host, pid, mark, random)
}

fn text(name: &Name) -> &str {
    name.as_c_str().to_str().unwrap()
}

#[test]
fn a_token_tells_host_process_and_which_lock() {
    let base = token(b"a", 5, 7, 9);
    assert_ne!(base, token(b"b", 5, 7, 9));
    assert_ne!(base, token(b"a", 6, 7, 9));
    assert_ne!(base, token(b"a", 5, 8, 9));
    assert_ne!(base, token(b"a", 5, 7, 10));
    assert_eq!(base, token(b"a", 5, 7, 9));
    assert_eq!(base.host_id().len(), 4);
    assert_eq!(base.host_id(), token(b"a", 6, 1, 2).host_id());
    assert_eq!(base.host_id(), &base.as_bytes()[1..5]);
}

#[test]
fn the_host_of_a_token_is_known() {
    let made = token(b"mail1", 5, 7, 9);
    assert!(made.is_from(b"mail1"));
    assert!(!made.is_from(b"mail2"));
    assert!(!made.is_from(b""));
}

#[test]
fn the_process_of_a_token_is_known() {
    for pid in [1, 63, 64, 4095, 4096, 32_768, 99_999, 4_194_304, 0xff_ffff] {
        let made = token(b"a", pid, 0, u64::MAX);
        assert_eq!(made.pid(), pid);
        // In six bits a digit, the highest first.
        assert_eq!(made.as_bytes()[5] == b'0', pid < 1 << 18, "{pid}");
    }
    // None rather than another one's.
    for pid in [0, -1, 0x100_0000, i32::MAX, i32::MIN] {
        assert_eq!(token(b"a", pid, u64::MAX, u64::MAX).pid(), 0);
    }
}

#[test]
fn the_mark_of_a_token_is_known() {
    for mark in [0, 1, 63, 64, 0x2_0000, 0x3_ffff] {
        let made = token(b"a", 5, mark, 0x123_4567);
        assert!(made.has_mark(mark));
        assert!(made.has_mark(mark | (1 << 40)), "more bits than it has");
        for bit in 0..18 {
            assert!(!made.has_mark(mark ^ (1 << bit)), "{mark} {bit}");
        }
    }
}

#[test]
fn every_bit_of_the_random_ones_tells() {
    for bit in 0..24 {
        assert_ne!(token(b"a", 5, 0, 0), token(b"a", 5, 0, 1 << bit));
    }
}

#[test]
fn a_token_is_read_back_and_nothing_else_is() {
    let made = token(b"a", 5, 7, 0xabcdef);
    assert_eq!(Token::parse(made.as_bytes()), Some(made));
    assert_eq!(Token::parse(&made.as_bytes()[1..]), None);
    assert_eq!(
        Token::parse(&[made.as_bytes().as_slice(), b"\n"].concat()),
        None
    );
    assert_eq!(Token::parse(b""), None);
    for (at, bad) in [
        (0, b'M'),
        (0, b'1'),
        (1, b' '),
        (15, b'\n'),
        (9, 0),
        (9, b'/'),
    ] {
        let mut other = *made.as_bytes();
        other[at] = bad;
        assert_eq!(Token::parse(&other), None, "{at} {bad}");
    }
}

#[test]
fn no_peer_reads_a_process_id_from_a_token() {
    let made = token(b"a", 1234, u64::MAX, 5);
    assert!(made.as_bytes()[0].is_ascii_alphabetic());
    assert_eq!(made.as_bytes().len(), Token::LEN);
    assert_eq!(Token::LEN, 16, "procmail breaks no longer one");
}

#[test]
fn the_hash_is_the_published_one() {
    assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
}

#[test]
fn what_no_mailbox_is_called_is_refused() {
    for name in [c"", c".", c"..", c"a/b", c"/", c"a/"] {
        let failure = Name::of_lock(name).err().unwrap();
        assert_eq!(failure.errno, libc::EINVAL, "{name:?}");
    }
    for name in [c"a", c"...", c".a", c"a b"] {
        let lock = Name::of_lock(name).unwrap();
        assert_eq!(text(&lock), format!("{}.lock", name.to_str().unwrap()));
    }
}

#[test]
fn the_longest_name_of_a_mailbox_can_be_locked() {
    let name = |length| CString::new("m".repeat(length)).unwrap();
    let lock = Name::of_lock(&name(250)).unwrap();
    assert_eq!(text(&lock).len(), 255);
    assert!(text(&lock).ends_with("m.lock"));
    let failure = Name::of_lock(&name(251)).err().unwrap();
    assert_eq!(failure.errno, libc::ENAMETOOLONG);
    // And still has a guard.
    assert_eq!(text(&lock.of_guard().unwrap()).len(), 23);
}

#[test]
fn a_guard_is_its_locks() {
    let lock = Name::of_lock(c"user").unwrap();
    let guard = lock.of_guard().unwrap();
    assert_eq!(text(&guard), format!(".nfslg.{:016x}", fnv1a(b"user.lock")));
    let other = Name::of_lock(c"user2").unwrap().of_guard().unwrap();
    assert_ne!(text(&guard), text(&other));
}

#[test]
fn what_was_left_behind_is_known_by_its_name() {
    let made = token(b"a", 5, 7, 9);
    for name in [
        Name::of_temporary(&made).unwrap(),
        Name::of_aside(&made).unwrap(),
        Name::of_lock(c"user").unwrap().of_guard().unwrap(),
    ] {
        assert!(Name::is_leftover(name.as_c_str()), "{}", text(&name));
    }
    for name in [
        c"user.lock",
        c"LAAAA0000aaaaaaa",
        c".nfslk.",
        c".nfslk.LAAAA0000aaaaaa",
        c".nfslk.LAAAA0000aaaaaaaa",
        c".nfslk.MAAAA0000aaaaaaa",
        c".nfslb.0123456789abcdef",
        c".nfslg.LAAAA0000aaaaaaa",
        c".nfslg.0123456789abcde",
        c".nfslg.0123456789abcdef0",
        c".nfslg.0123456789ABCDEF",
        c".nfsl.0123456789abcdef",
        c".nfs0123456789abcdef",
    ] {
        assert!(!Name::is_leftover(name), "{name:?}");
    }
}

#[test]
fn the_names_in_memory_are_told_apart() {
    let (made, other) = (token(b"a", 5, 7, 9), token(b"a", 6, 7, 9));
    let presence = Name::of_presence(&made, 0xabc).unwrap();
    let place = Name::of_place_behind(&made, 0xabc).unwrap();
    let (presence, place) = (presence.as_c_str(), place.as_c_str());
    assert_eq!(Name::presence(presence, 0xabc), Some(made));
    assert_eq!(Name::place_behind(place, 0xabc), Some(made));
    assert_eq!(Name::presence(place, 0xabc), None);
    assert_eq!(Name::place_behind(presence, 0xabc), None);
    // Another container's, or another file system's.
    assert_eq!(Name::presence(presence, 0xabd), None);
    assert_eq!(Name::place_behind(place, 0xabd), None);
    assert_ne!(
        Name::of_presence(&other, 0xabc).unwrap().as_c_str(),
        presence
    );
    for name in [c"", c"nfslock.", c"other", c"nfslock.x.0000000000000abc"] {
        assert_eq!(Name::presence(name, 0xabc), None, "{name:?}");
    }
}

#[test]
fn time_neither_wraps_nor_panics() {
    let (short, long) = (Span::from_secs(2), Span::from_millis(5000));
    assert_eq!(short.plus(long), Span::from_secs(7));
    assert_eq!(long.minus(short), Span::from_micros(3_000_000));
    assert_eq!(short.minus(long), Span::ZERO);
    assert_eq!(short.times(3), Span::from_nanos(6_000_000_000));
    assert_eq!(long.part(5), Span::from_secs(1));
    assert_eq!(long.part(0), long);
    assert_eq!(long.within(short), Span::from_secs(1));
    assert_eq!(short.within(long), short);
    assert_eq!(short.within(Span::ZERO), short);
    assert_eq!(short.as_nanos(), 2_000_000_000);
    let most = Span::from_nanos(u64::MAX);
    assert_eq!(most.plus(short), most);
    assert_eq!(most.times(2), most);
    assert_eq!(Span::from_secs(u64::MAX), most);
    assert_eq!(Span::from(Duration::MAX), most);
    assert_eq!(
        Span::from(Duration::new(1, 1)),
        Span::from_nanos(1_000_000_001)
    );
    assert!(Span::ZERO.is_zero() && !short.is_zero());
}

#[test]
fn the_times_are_those_of_the_page() {
    let secs = Span::from_secs;
    let millis = Span::from_millis;
    for (stale, watch, settle, slack, lease, glance) in [
        (300, secs(60), secs(15), millis(3750), secs(30), secs(5)),
        (60, secs(60), secs(15), millis(3750), secs(30), secs(5)),
        (40, secs(40), secs(10), millis(2500), secs(20), secs(5)),
        (2, secs(2), millis(500), millis(125), secs(1), millis(250)),
    ] {
        let timing = Timing::new(Duration::from_secs(stale));
        assert_eq!(timing.stale, secs(stale));
        assert_eq!(timing.watch, watch);
        assert_eq!(timing.settle, settle);
        assert_eq!(timing.slack, slack);
        assert_eq!(timing.lease, lease);
        assert_eq!(timing.glance, glance);
        // What everything rests on: whoever acts within the slack of an
        // answer is done before anybody who waited has settled.
        let delta = settle.part(2);
        assert!(slack.plus(delta) < settle);
        // And in time before others believe it dead.
        assert!(lease.plus(slack).plus(delta) < watch);
    }
}

#[test]
fn a_file_is_known_by_device_inode_and_token() {
    let made = token(b"a", 5, 7, 9);
    let time = |seconds| ServerTime {
        seconds,
        nanoseconds: 5,
    };
    let file = |dev, ino, token| Look {
        attributes: Attributes {
            dev,
            ino,
            nlink: 1,
            uid: 100,
            size: 16,
            kind: Kind::Regular,
            mtime: time(10),
            ctime: time(20),
        },
        contents: Contents::Ours(token),
    };
    let (known, dev, ino) = (file(1, 2, made), 1, 2);
    let identity = Identity {
        dev,
        ino,
        token: made,
    };
    assert!(known.is(&identity) && known.is_same_as(&known) && known.is_unchanged_since(&known));
    for other in [
        file(2, 2, made),
        file(1, 1, made),
        file(1, 2, token(b"a", 5, 7, 8)),
    ] {
        assert!(!other.is(&identity) && !other.is_same_as(&known));
    }
    let mut other = known;
    other.contents = Contents::Foreign;
    assert!(!other.is(&identity) && !other.is_same_as(&known));
    // Signs of life, and another name.
    let mut refreshed = known;
    refreshed.attributes.mtime = time(11);
    assert!(refreshed.is(&identity) && !refreshed.is_same_as(&known));
    let mut renamed = known;
    renamed.attributes.ctime = time(21);
    assert!(renamed.is_same_as(&known) && !renamed.is_unchanged_since(&known));
}

#[test]
fn a_time_is_before_another_one_or_tells_nothing() {
    let at = |seconds, nanoseconds| ServerTime {
        seconds,
        nanoseconds,
    };
    let before = |from: ServerTime, to| from.until(to).map(Span::as_nanos);
    assert_eq!(before(at(5, 7), at(5, 7)), Some(0));
    assert_eq!(before(at(5, 7), at(5, 8)), Some(1));
    assert_eq!(before(at(5, 8), at(5, 7)), None);
    assert_eq!(before(at(4, 999_999_999), at(5, 1)), Some(2));
    assert_eq!(before(at(-1, 0), at(1, 3)), Some(2_000_000_003));
    assert_eq!(before(at(i64::MIN, 0), at(i64::MAX, 0)), None);
}
