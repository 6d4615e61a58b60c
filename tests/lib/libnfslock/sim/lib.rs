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

//! A file server that is simulated, and hosts that mount it, twice.
//!
//! Here it is for tests that tell one story each, in a few lines, and where one
//! call after the other returns; [`world`] is for the exploration of all
//! stories, in which every call of a process is a step that others may precede.
//! mail.local's own simulation is of files that are written, which the lock
//! protocol never does.
//!
//! A [`Host`] is what the lock protocol of libnfslock runs on instead of the
//! real file system.  Time passes only when somebody waits.  A test makes
//! something go wrong by telling the [`Server`] beforehand: what becomes of
//! the next request of a kind, and what others do when the clock gets there.

pub mod check;
pub mod explore;
pub mod few;
pub mod peers;
pub mod process;
pub mod scenario;
pub mod world;

use std::cell::{Cell, RefCell};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{c_int, CStr, CString};
use std::rc::{Rc, Weak};

use nfslock::filesystem::{Attributes, Contents, FileSystem, Kind, Look, ServerTime};
use nfslock::host::{self, Host as _};
use nfslock::identity::{Identity, Token};
use nfslock::timing::Span;

/// The kinds of request that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    Create,
    Link,
    Stat,
    Look,
    Touch,
    Unlink,
    Rename,
}

/// What becomes of a request.
pub enum Fate {
    /// It is served.
    Served,
    /// It takes effect, but this is what the client reports.
    Reports(Result<(), c_int>),
    /// It takes effect, then this happens, and then the client reports that.
    Then(Box<dyn FnOnce(&Host)>, Result<(), c_int>),
    /// It takes no effect, and this is what the client reports.
    Lost(Result<(), c_int>),
    /// The client answers from its cache: so many links.
    CachedLinks(u64),
    /// Somebody else gets in before it.
    After(Box<dyn FnOnce(&Host)>),
}

#[derive(Clone)]
struct File {
    contents: Vec<u8>,
    nlink: u64,
    uid: u32,
    mtime: ServerTime,
    ctime: ServerTime,
}

/// Whoever holds this is present, unless he was killed.
pub type Present = Rc<Cell<bool>>;

/// Where the processes of each host meet.
#[derive(Default)]
struct Place {
    present: BTreeMap<(String, [u8; Token::LEN]), Weak<Cell<bool>>>,
    behind: BTreeMap<(String, [u8; Token::LEN]), Token>,
}

type Event = Box<dyn FnOnce(&Host)>;

struct World {
    names: BTreeMap<CString, u64>,
    files: BTreeMap<u64, File>,
    now: Span,
    /// What the server's clock says beyond the time that has passed.
    clock: i64,
    fates: BTreeMap<Request, VecDeque<Fate>>,
    events: BTreeMap<Span, Vec<Event>>,
    counts: BTreeMap<Request, usize>,
    random: u64,
    place: Place,
    /// Nobody can remove what a process left in the place.
    stuck: bool,
}

/// The server, and the network to it.
#[derive(Clone)]
pub struct Server(Rc<RefCell<World>>);

impl Default for Server {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(World {
            names: BTreeMap::new(),
            files: BTreeMap::new(),
            now: Span::from_secs(1000),
            clock: 1_000_000_000,
            fates: BTreeMap::new(),
            events: BTreeMap::new(),
            counts: BTreeMap::new(),
            random: 0,
            place: Place::default(),
            stuck: false,
        })))
    }
}

impl Server {
    /// A process of a host with that name, with the server's directory mounted.
    pub fn host(&self, name: &str, pid: i32) -> Host {
        Host {
            server: self.clone(),
            name: name.to_owned(),
            pid: Rc::new(Cell::new(pid)),
            local: false,
        }
    }

    /// The next request of this kind that has no fate yet.
    pub fn next(&self, request: Request, fate: Fate) {
        let mut world = self.0.borrow_mut();
        world.fates.entry(request).or_default().push_back(fate);
    }

    /// What happens so many seconds from now, once somebody waits that long.
    pub fn after(&self, seconds: u64, event: impl FnOnce(&Host) + 'static) {
        let mut world = self.0.borrow_mut();
        let when = world.now.plus(Span::from_secs(seconds));
        world.events.entry(when).or_default().push(Box::new(event));
    }

    /// Set the server's clock.
    pub fn step_clock(&self, seconds: i64) {
        self.0.borrow_mut().clock += seconds;
    }

    /// From now on no presence can be removed.
    pub fn stick(&self) {
        self.0.borrow_mut().stuck = true;
    }

    /// The time that has passed.
    pub fn now(&self) -> Span {
        self.0.borrow().now
    }

    /// Let time pass.
    pub fn pass(&self, seconds: u64) {
        self.host("nobody", 1).wait(Span::from_secs(seconds));
    }

    /// Every name in the directory.
    pub fn names(&self) -> Vec<String> {
        let world = self.0.borrow();
        let names = world.names.keys();
        names
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    }

    /// The number of the file under a name.
    pub fn ino(&self, name: &CStr) -> Option<u64> {
        self.0.borrow().names.get(name).copied()
    }

    /// When the file under a name was last changed.
    pub fn changed(&self, name: &CStr) -> Option<ServerTime> {
        let world = self.0.borrow();
        Some(world.files.get(world.names.get(name)?)?.ctime)
    }

    /// How many requests of a kind there were.
    pub fn count(&self, request: Request) -> usize {
        self.0.borrow().counts.get(&request).copied().unwrap_or(0)
    }
}

impl World {
    fn time(&self) -> ServerTime {
        let now = self.now.as_nanos();
        ServerTime {
            seconds: self.clock + i64::try_from(now / 1_000_000_000).unwrap(),
            nanoseconds: i64::try_from(now % 1_000_000_000).unwrap(),
        }
    }

    fn attributes(&self, ino: u64) -> Attributes {
        let file = &self.files[&ino];
        Attributes {
            dev: 7,
            ino,
            nlink: file.nlink,
            uid: file.uid,
            size: i64::try_from(file.contents.len()).unwrap(),
            kind: Kind::Regular,
            mtime: file.mtime,
            ctime: file.ctime,
        }
    }

    fn find(&self, name: &CStr) -> Result<u64, c_int> {
        self.names.get(name).copied().ok_or(libc::ENOENT)
    }

    fn create(&mut self, name: &CStr, contents: &[u8]) -> Result<u64, c_int> {
        if self.names.contains_key(name) {
            return Err(libc::EEXIST);
        }
        // A number that was freed is used again at once.
        let ino = (1..).find(|ino| !self.files.contains_key(ino)).unwrap();
        let (mtime, ctime) = (self.time(), self.time());
        let file = File {
            contents: contents.to_vec(),
            nlink: 1,
            uid: 100,
            mtime,
            ctime,
        };
        self.files.insert(ino, file);
        self.names.insert(name.to_owned(), ino);
        Ok(ino)
    }

    fn link(&mut self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        let ino = self.find(from)?;
        if self.names.contains_key(to) {
            return Err(libc::EEXIST);
        }
        self.names.insert(to.to_owned(), ino);
        let time = self.time();
        let file = self.files.get_mut(&ino).unwrap();
        file.nlink += 1;
        file.ctime = time;
        Ok(())
    }

    fn unlink(&mut self, name: &CStr) -> Result<(), c_int> {
        let ino = self.names.remove(name).ok_or(libc::ENOENT)?;
        let time = self.time();
        let file = self.files.get_mut(&ino).unwrap();
        file.nlink -= 1;
        file.ctime = time;
        if file.nlink == 0 {
            self.files.remove(&ino);
        }
        Ok(())
    }

    fn rename(&mut self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        let ino = self.find(from)?;
        if self.names.contains_key(to) {
            self.unlink(to)?;
        }
        self.names.remove(from);
        self.names.insert(to.to_owned(), ino);
        let time = self.time();
        self.files.get_mut(&ino).unwrap().ctime = time;
        Ok(())
    }
}

/// A process of a host that mounts the server's directory.
#[derive(Clone)]
pub struct Host {
    server: Server,
    name: String,
    pid: Rc<Cell<i32>>,
    local: bool,
}

impl Host {
    /// The server whose directory it mounts.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Every process of the host is killed.  What it holds is to be forgotten.
    pub fn kill(&self) {
        let world = self.server.0.borrow();
        for ((host, _), present) in &world.place.present {
            if let (true, Some(present)) = (*host == self.name, present.upgrade()) {
                present.set(false);
            }
        }
    }

    /// How many traces of processes there are in every host's memory.
    pub fn in_memory(&self) -> usize {
        let world = self.server.0.borrow();
        world.place.present.len() + world.place.behind.len()
    }

    /// Go on as the child of a fork.
    pub fn fork(&self) {
        self.pid.set(self.pid.get() + 1);
    }

    /// A process of the server itself, for which the file system is local.
    #[must_use]
    pub fn on_server(mut self) -> Self {
        self.local = true;
        self
    }

    fn at(&self, token: &Token) -> (String, [u8; Token::LEN]) {
        (self.name.clone(), *token.as_bytes())
    }

    /// Every name in the directory.
    pub fn names(&self) -> Vec<String> {
        self.server.names()
    }

    /// What a file contains.
    pub fn contents(&self, name: &CStr) -> Vec<u8> {
        let world = self.server.0.borrow();
        world.files[&world.names[name]].contents.clone()
    }

    /// Make a lock as a peer does that knows nothing of tokens.
    pub fn peer_locks(&self, name: &CStr, contents: &[u8]) -> Result<(), c_int> {
        self.server.0.borrow_mut().create(name, contents).map(drop)
    }

    /// Remove a lock as such a peer does: without looking.
    pub fn peer_unlocks(&self, name: &CStr) -> Result<(), c_int> {
        self.server.0.borrow_mut().unlink(name)
    }

    /// A peer changes something about a lock, but not its times.
    pub fn peer_changes(&self, name: &CStr) {
        let mut world = self.server.0.borrow_mut();
        let (ino, time) = (world.find(name).unwrap(), world.time());
        world.files.get_mut(&ino).unwrap().ctime = time;
    }

    /// A peer gives a sign of life.
    pub fn peer_touches(&self, name: &CStr) {
        let mut world = self.server.0.borrow_mut();
        let (ino, time) = (world.find(name).unwrap(), world.time());
        let file = world.files.get_mut(&ino).unwrap();
        (file.mtime, file.ctime) = (time, time);
    }

    fn serve<T>(
        &self,
        request: Request,
        effect: impl FnOnce(&mut World) -> Result<T, c_int>,
        made_up: impl FnOnce(&World, Option<u64>) -> Result<T, c_int>,
    ) -> Result<T, c_int> {
        let fate = {
            let mut world = self.server.0.borrow_mut();
            *world.counts.entry(request).or_default() += 1;
            let fates = world.fates.get_mut(&request);
            fates.and_then(VecDeque::pop_front).unwrap_or(Fate::Served)
        };
        match fate {
            Fate::Served => effect(&mut self.server.0.borrow_mut()),
            Fate::After(other) => {
                other(self);
                effect(&mut self.server.0.borrow_mut())
            }
            Fate::Reports(report) => {
                let mut world = self.server.0.borrow_mut();
                let _ = effect(&mut world);
                report.and_then(|()| made_up(&world, None))
            }
            Fate::Then(event, report) => {
                let result = effect(&mut self.server.0.borrow_mut());
                event(self);
                report.and(result)
            }
            Fate::Lost(report) => report.and_then(|()| made_up(&self.server.0.borrow(), None)),
            Fate::CachedLinks(links) => made_up(&self.server.0.borrow(), Some(links)),
        }
    }
}

fn nothing<T: Default>(_: &World, _: Option<u64>) -> Result<T, c_int> {
    Ok(T::default())
}

impl FileSystem for Host {
    fn is_local(&self) -> bool {
        self.local
    }

    fn create(&self, name: &CStr, contents: &[u8]) -> Result<Attributes, c_int> {
        self.serve(
            Request::Create,
            |world| {
                world
                    .create(name, contents)
                    .map(|ino| world.attributes(ino))
            },
            |world, _| world.find(name).map(|ino| world.attributes(ino)),
        )
    }

    fn link(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        self.serve(Request::Link, |world| world.link(from, to), nothing)
    }

    fn stat(&self, name: &CStr) -> Result<Attributes, c_int> {
        self.serve(
            Request::Stat,
            |world| world.find(name).map(|ino| world.attributes(ino)),
            |world, links| {
                let mut attributes = world.attributes(world.find(name)?);
                attributes.nlink = links.unwrap_or(attributes.nlink);
                Ok(attributes)
            },
        )
    }

    fn look(&self, name: &CStr) -> Result<Look, c_int> {
        let look = |world: &World| {
            let ino = world.find(name)?;
            Ok(Look {
                attributes: world.attributes(ino),
                contents: Token::parse(&world.files[&ino].contents)
                    .map_or(Contents::Foreign, Contents::Ours),
            })
        };
        self.serve(Request::Look, |world| look(world), |world, _| look(world))
    }

    fn read(&self, name: &CStr) -> Result<Option<Token>, c_int> {
        self.look(name).map(|found| match found.contents {
            Contents::Ours(token) => Some(token),
            _ => None,
        })
    }

    fn touch(&self, name: &CStr, expected: &Identity) -> Result<Look, c_int> {
        let found = self.look(name)?;
        if !found.is(expected) {
            return Ok(found);
        }
        self.serve(
            Request::Touch,
            |world| {
                let time = world.time();
                let file = world.files.get_mut(&expected.ino).ok_or(libc::ESTALE)?;
                (file.mtime, file.ctime) = (time, time);
                Ok(())
            },
            nothing,
        )?;
        self.look(name)
    }

    fn unlink(&self, name: &CStr) -> Result<(), c_int> {
        self.serve(Request::Unlink, |world| world.unlink(name), nothing)
    }

    fn rename(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        self.serve(Request::Rename, |world| world.rename(from, to), nothing)
    }

    fn restore(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        self.link(from, to)
    }

    fn list(&self, each: &mut dyn FnMut(&CStr)) -> Result<(), c_int> {
        let names: Vec<CString> = self.server.0.borrow().names.keys().cloned().collect();
        names.iter().for_each(|name| each(name));
        Ok(())
    }
}

impl host::Host for Host {
    type Presence = Present;
    type Neighbour = Present;

    fn monotonic(&self) -> Span {
        self.server.0.borrow().now
    }

    fn wait(&self, time: Span) {
        let end = self.monotonic().plus(time);
        loop {
            let due = {
                let mut world = self.server.0.borrow_mut();
                match world.events.first_entry() {
                    Some(first) if *first.key() <= end => {
                        let (when, events) = first.remove_entry();
                        world.now = world.now.max(when);
                        events
                    }
                    _ => {
                        world.now = world.now.max(end);
                        return;
                    }
                }
            };
            due.into_iter().for_each(|event| event(self));
        }
    }

    fn random(&self) -> u64 {
        let mut world = self.server.0.borrow_mut();
        world.random = world
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (world.random >> 13) | 1 // odd: no token ends in the digit that sweeps
    }

    fn pid(&self) -> i32 {
        self.pid.get()
    }

    fn token(&self) -> Token {
        Token::new(self.name.as_bytes(), self.pid(), 0, self.random())
    }

    fn appear(&self, token: &Token) -> Option<Present> {
        let present = Rc::new(Cell::new(true));
        let place = &mut self.server.0.borrow_mut().place;
        let weak = Rc::downgrade(&present);
        place.present.insert(self.at(token), weak);
        Some(present)
    }

    fn withdraw(&self, presence: &Present) -> bool {
        let gone = Rc::downgrade(presence);
        let world = &mut self.server.0.borrow_mut();
        if world.stuck {
            return false;
        }
        let present = &mut world.place.present;
        present.retain(|_, present| !present.ptr_eq(&gone));
        true
    }

    fn ring(&self, _: &Present) {}

    fn neighbour(&self, token: &Token) -> Option<Present> {
        let world = self.server.0.borrow();
        let present = world.place.present.get(&self.at(token))?.upgrade();
        present.filter(|present| present.get())
    }

    fn outlived(&self, neighbour: &Present, time: Span) -> bool {
        // This look is one of the two that have it.
        let ended = || !neighbour.get() || Rc::strong_count(neighbour) == 1;
        if !ended() {
            self.wait(time);
        }
        ended()
    }

    fn is_dead(&self, token: &Token, _: u32) -> bool {
        let world = self.server.0.borrow();
        let present = world.place.present.get(&self.at(token));
        present.is_some_and(|present| present.upgrade().is_none_or(|present| !present.get()))
    }

    fn inherit(&self, token: &Token) -> bool {
        let world = &mut self.server.0.borrow_mut();
        !world.stuck && world.place.present.remove(&self.at(token)).is_some()
    }

    fn line_up(&self, ahead: &Token, own: &Token) -> bool {
        let place = &mut self.server.0.borrow_mut().place;
        match place.behind.entry(self.at(ahead)) {
            Entry::Vacant(vacant) => {
                vacant.insert(*own);
                true
            }
            // Be it by the one who asks.
            Entry::Occupied(_) => false,
        }
    }

    fn next_after(&self, ahead: &Token) -> Option<Token> {
        let world = self.server.0.borrow();
        world.place.behind.get(&self.at(ahead)).copied()
    }

    fn is_last(&self, token: &Token) -> bool {
        self.next_after(token).is_none()
    }

    fn step_out(&self, ahead: &Token) {
        let place = &mut self.server.0.borrow_mut().place;
        place.behind.remove(&self.at(ahead));
    }

    fn tidy(&self) {}
}
