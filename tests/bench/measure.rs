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

//! What is made of samples.

/// Median, p99, and how many a second.
#[derive(Clone, Default)]
pub struct Samples {
    nanoseconds: Vec<u64>,
    /// A rate a round.
    rates: Vec<f64>,
}

impl Samples {
    pub fn extend(&mut self, nanoseconds: impl IntoIterator<Item = u64>) {
        self.nanoseconds.extend(nanoseconds);
    }

    /// So many in so many nanoseconds, in one round.
    pub fn add_rate(&mut self, count: u64, nanoseconds: u64) {
        self.rates
            .push(count as f64 * 1e9 / nanoseconds.max(1) as f64);
    }

    fn quantile(&self, part: f64) -> Option<f64> {
        let mut sorted = self.nanoseconds.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        let at = (last as f64 * part).ceil() as usize;
        Some(sorted[at] as f64 / 1e3)
    }

    /// In microseconds.
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// In microseconds.
    pub fn p99(&self) -> Option<f64> {
        self.quantile(0.99)
    }

    /// Of the rounds, the one in the middle.
    pub fn rate(&self) -> Option<f64> {
        median(&self.rates)
    }
}

pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

pub fn ratio(of: Option<f64>, to: Option<f64>) -> Option<f64> {
    of.zip(to).map(|(of, to)| of / to)
}

/// A B A B ...: what else the machine does, and what the disk has left to do,
/// hits all alike.  Each round begins with another one, or else each would
/// always find what the same one before it has left.
pub fn alternate<T>(
    rounds: usize,
    of: &[T],
    mut run: impl FnMut(usize, &T) -> Result<(), String>,
) -> Result<(), String> {
    for round in 0..rounds {
        let (last, first) = of.split_at(round % of.len().max(1));
        for one in first.iter().chain(last) {
            run(round, one)?;
        }
    }
    Ok(())
}
