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

//! What an operation costs without a clock: system calls, instructions, page
//! faults, memory.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::processes;

/// Of one command, or of one cycle.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub system_calls: Option<f64>,
    pub instructions: Option<f64>,
    /// fsync and the like.
    pub flushes: f64,
    /// Programs that were executed and processes that were made, but for the
    /// first.
    pub helpers: f64,
}

impl Counts {
    /// Of two runs of the same, the least of each.
    pub fn least(self, other: Self) -> Self {
        let least = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            _ => one.or(other),
        };
        Self {
            system_calls: least(self.system_calls, other.system_calls),
            instructions: least(self.instructions, other.instructions),
            ..other
        }
    }

    /// Of one of so many, which are all the difference of two runs.
    pub fn difference(self, fewer: Self, cycles: f64) -> Self {
        let one = |more: Option<f64>, fewer: Option<f64>| Some((more? - fewer?) / cycles);
        Self {
            system_calls: one(self.system_calls, fewer.system_calls),
            instructions: one(self.instructions, fewer.instructions),
            flushes: (self.flushes - fewer.flushes) / cycles,
            helpers: (self.helpers - fewer.helpers) / cycles,
        }
    }
}

/// What counts here.
pub struct Counter {
    /// A directory for what the tools write; whoever is counted may write.
    scratch: PathBuf,
    /// Does the machine let us count its instructions?
    perf: bool,
    valgrind: bool,
    strace: bool,
}

/// No count takes longer.
const LIMIT: [&str; 4] = ["timeout", "-k", "1", "60"];

fn works(words: &[&str]) -> bool {
    Command::new(words[0])
        .args(&words[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

impl Counter {
    pub fn new(scratch: &Path) -> Self {
        let mut counter = Self {
            scratch: scratch.to_owned(),
            perf: true,
            valgrind: works(&["valgrind", "--version"]),
            strace: works(&["strace", "true"]),
        };
        let nothing = Command::new("true");
        counter.perf = counter.by_perf(&nothing, &|_| {}).is_some();
        counter
    }

    /// How instructions are counted; they are those of the program itself and
    /// its libraries, not the kernel's.
    pub fn method(&self) -> String {
        let strace = if self.strace { "strace -fc" } else { "no" };
        let by = match (self.perf, self.valgrind) {
            (true, _) => "perf stat -e instructions:u",
            (_, true) => "valgrind --tool=callgrind",
            _ => "nothing",
        };
        format!("system calls by {strace}, instructions by {by}")
    }

    /// Count what a command does.  `prepare` gives each run its input, and its
    /// user.
    /// Instructions take the longest, and may be left out.
    pub fn count(
        &self,
        command: &Command,
        prepare: &dyn Fn(&mut Command),
        instructions: bool,
    ) -> Counts {
        let mut counts = Counts::default();
        if self.strace {
            let file = self.scratch.join("strace");
            let _ = fs::remove_file(&file);
            let words = ["strace", "-f", "-c", "-o"].map(OsString::from);
            let mut traced = under(words.into_iter().chain([file.clone().into()]), command);
            prepare(&mut traced);
            if run(&mut traced).is_ok() {
                read_strace(&fs::read_to_string(&file).unwrap_or_default(), &mut counts);
            }
        }
        counts.instructions = if !instructions {
            None
        } else if self.perf {
            self.by_perf(command, prepare)
        } else if self.valgrind {
            self.by_valgrind(command, prepare)
        } else {
            None
        };
        counts
    }

    fn by_perf(&self, command: &Command, prepare: &dyn Fn(&mut Command)) -> Option<f64> {
        let file = self.scratch.join("perf");
        let _ = fs::remove_file(&file);
        let words = ["perf", "stat", "-x,", "-e", "instructions:u", "-o"].map(OsString::from);
        let mut counted = under(words.into_iter().chain([file.clone().into()]), command);
        prepare(&mut counted);
        run(&mut counted).ok()?;
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.contains("instructions"))?;
        line.split(',').next()?.parse().ok()
    }

    fn by_valgrind(&self, command: &Command, prepare: &dyn Fn(&mut Command)) -> Option<f64> {
        let ours = |name: &str| name.starts_with("callgrind.");
        let files = || {
            let entries = fs::read_dir(&self.scratch).into_iter().flatten().flatten();
            entries.filter(|entry| entry.file_name().to_str().is_some_and(ours))
        };
        for entry in files() {
            let _ = fs::remove_file(entry.path());
        }
        let out = self.scratch.join("callgrind.%p");
        let words = [
            "valgrind",
            "-q",
            "--vgdb=no",
            "--tool=callgrind",
            "--trace-children=yes",
        ];
        let mut file = OsString::from("--callgrind-out-file=");
        file.push(out);
        let words = words.map(OsString::from).into_iter().chain([file]);
        let mut counted = under(words, command);
        prepare(&mut counted);
        run(&mut counted).ok()?;
        let mut total = None;
        for entry in files() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            for line in text.lines() {
                if let Some(count) = line.strip_prefix("totals: ") {
                    total = Some(total.unwrap_or(0.0) + count.trim().parse::<f64>().ok()?);
                }
            }
        }
        total
    }
}

/// A tool's command with another as its arguments.
fn under(tool: impl Iterator<Item = OsString>, command: &Command) -> Command {
    let mut words = LIMIT.iter().map(OsString::from).chain(tool);
    let mut wrapped = Command::new(words.next().unwrap_or_default());
    wrapped
        .args(words)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

fn run(command: &mut Command) -> io::Result<()> {
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(status.to_string()))
    }
}

/// Read what strace -c tells: the fourth field is a number of calls, the last
/// one a name.
fn read_strace(text: &str, counts: &mut Counts) {
    for line in text.lines() {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (Some(Ok(calls)), Some(&name)) = (
            fields.get(3).map(|field| field.parse::<f64>()),
            fields.last(),
        ) else {
            continue;
        };
        match name {
            "total" => counts.system_calls = Some(calls),
            "fsync" | "fdatasync" | "sync" | "sync_file_range" => counts.flushes += calls,
            "execve" => counts.helpers += calls - 1.0,
            "fork" | "vfork" | "clone" | "clone3" => counts.helpers += calls,
            _ => {}
        }
    }
}

/// The most memory that a command ever had, in kilobytes.  Not by getrusage():
/// what the parent had counts as the child's there.
pub fn peak_memory(mut command: Command, become_caller: &dyn Fn()) -> Option<f64> {
    let child = processes::fork(|| {
        become_caller();
        // SAFETY: asks to be traced by the parent, which waits.
        unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
        let _ = command.exec();
    })
    .ok()?;
    let mut peak = None;
    let began = processes::now();
    let limit = processes::nanoseconds(Duration::from_secs(60));
    loop {
        let mut status = 0;
        // SAFETY: our child, and an integer of this frame.
        match unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } {
            0 if processes::now() - began < limit => {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            pid if pid == child => {}
            _ => break,
        }
        if !libc::WIFSTOPPED(status) {
            return peak;
        }
        if status >> 16 == libc::PTRACE_EVENT_EXIT {
            peak = high_water(child);
        }
        let signal = match libc::WSTOPSIG(status) {
            libc::SIGTRAP => 0,
            signal => signal,
        };
        let options = libc::PTRACE_O_TRACEEXIT | libc::PTRACE_O_EXITKILL;
        // SAFETY: a stopped child that this process traces.
        unsafe {
            libc::ptrace(libc::PTRACE_SETOPTIONS, child, 0, options);
            libc::ptrace(libc::PTRACE_CONT, child, 0, signal);
        }
    }
    processes::kill(child);
    None
}

fn high_water(pid: i32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The size of a program or a library without its symbols.
pub fn stripped_size(path: &Path, scratch: &Path) -> Option<f64> {
    let copy = scratch.join("stripped");
    fs::copy(path, &copy).ok()?;
    let _ = works(&["strip", "-s", copy.to_str()?]);
    let size = File::open(&copy).ok()?.metadata().ok()?.len();
    let _ = fs::remove_file(copy);
    Some(size as f64 / 1024.0)
}
