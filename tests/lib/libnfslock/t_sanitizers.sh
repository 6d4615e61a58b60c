# $NetBSD$
#
# Copyright (c) 2026 The libnfslock authors.
# All rights reserved.
#
# Redistribution and use in source and binary forms, with or without
# modification, are permitted provided that the following conditions
# are met:
# 1. Redistributions of source code must retain the above copyright
#    notice, this list of conditions and the following disclaimer.
# 2. Redistributions in binary form must reproduce the above copyright
#    notice, this list of conditions and the following disclaimer in the
#    documentation and/or other materials provided with the distribution.
#
# THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
# ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
# IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
# ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
# FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
# DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
# OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
# HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
# LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
# OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
# SUCH DAMAGE.

# What the compilers' sanitizers and valgrind(1) see of programs that use the
# library: nothing at all.  That they see anything is shown each time, by a
# program that does what nfslock.h forbids.
#
# In the archive as it is installed no load or store is instrumented.  There a
# sanitizer sees allocation, system calls and what the program itself does;
# valgrind sees all.  So the library is compiled once more, instrumented, from
# the sources; of Rust's own only what is compiled into it is instrumented then.

lib=${NFSLOCK_LIB:-/usr/lib/libnfslock.a}
inc=${NFSLOCK_INC:-/usr/include}
src=${NFSLOCK_SRCDIR:-/usr/src}
here=${src}/tests/lib/libnfslock
cc=${CC:-cc}

# build source [flag ...]: a program of that name, without what ends it.
build()
{
	name=${1##*/}; name=${name%.c}
	source=$1; shift
	atf_check -o empty -e empty ${cc} -D_GNU_SOURCE -g -O1 -I${inc} \
	    -o ${name} ${source} ${lib} "$@" -lpthread ${libs}
}

# The compiler makes programs for that sanitizer, and they run here.
require_sanitizer()
{
	echo 'int main(void) { return 0; }' > none.c
	${cc} -fsanitize=$1 none.c -o none 2> /dev/null && ./none ||
	    atf_skip "${cc} has no runtime library for -fsanitize=$1"
}

require_source()
{
	[ -e ${here}/h_threads.c ] || atf_skip "no ${here}/h_threads.c"
}

# rust command ...: with the features that are not stable, and outside of the
# test's HOME, where rustup's stand-ins find no compiler.
rust()
{
	HOME=${RUSTHOME:-$(eval echo ~$(id -un))} RUSTC_BOOTSTRAP=1 "$@"
}

# From here on lib is the archive, instrumented.
instrument()
{
	echo '#![no_std]' > probe.rs
	# Newer compilers have to be told that Rust's own library need not be
	# instrumented, older ones do not know how they are told.
	for allow in -Cunsafe-allow-abi-mismatch=sanitizer ""; do
		flags="-Zsanitizer=$1 -Cpanic=abort -g ${allow}"
		rust ${RUSTC:-rustc} ${flags} --crate-type rlib probe.rs \
		    2> /dev/null && break
		flags=
	done
	[ -n "${flags}" ] || atf_skip "rustc has no -Zsanitizer=$1 here"
	host=$(rust ${RUSTC:-rustc} -vV | sed -n 's/^host: //p')
	# With a target, so that what cargo builds to run is left alone.
	atf_check -o ignore -e ignore env RUSTFLAGS="${flags}" \
	    CARGO_TARGET_DIR=$(pwd)/rust HOME=${HOME} \
	    RUSTC_BOOTSTRAP=1 ${CARGO:-cargo} rustc --quiet --locked \
	    --manifest-path ${src}/lib/libnfslock/Cargo.toml --release --lib \
	    --crate-type staticlib --target ${host} -- --cfg nfslock_archive
	# LLVM's runtime has names of its own for these, gcc's has not.
	atf_check ${OBJCOPY:-objcopy} --redefine-sym __tsan_memcpy=memcpy \
	    --redefine-sym __tsan_memmove=memmove \
	    --redefine-sym __tsan_memset=memset \
	    rust/${host}/release/libnfslock.a libnfslock.a
	lib=$(pwd)/libnfslock.a
	# What unwinds in Rust's own library; nothing does.
	libs=-Wl,--defsym=rust_eh_personality=0
}

# silent [command ...]: nothing is said, and nothing is left.
silent()
{
	for options in "" "-r"; do
		mkdir d
		atf_check -o empty -e empty "$@" ./h_threads ${options} d
		atf_check rmdir d
	done
}

# told defect pattern [command ...]: that one is seen.
told()
{
	defect=$1 pattern=$2; shift 2
	mkdir defect
	atf_check -s not-exit:0 -o ignore -e save:told \
	    "$@" ./h_threads -x ${defect} defect
	find . -name "log.*" -exec cat {} + >> told
	atf_check -o match:"${pattern}" cat told
	rm -r defect
}

atf_test_case archive_address
archive_address_head()
{
	atf_set descr "AddressSanitizer: the archive as it is installed"
	atf_set require.progs "${cc}"
}
archive_address_body()
{
	require_source
	require_sanitizer address,undefined
	build ${here}/h_threads.c -fsanitize=address,undefined \
	    -fno-sanitize-recover=all
	told leak "LeakSanitizer: detected memory leaks"
	told free "AddressSanitizer: (heap-use-after-free|attempting double-free)"
	silent
}

atf_test_case archive_thread
archive_thread_head()
{
	atf_set descr "ThreadSanitizer: the archive as it is installed"
	atf_set require.progs "${cc}"
}
archive_thread_body()
{
	require_source
	require_sanitizer thread
	build ${here}/h_threads.c -fsanitize=thread
	told free "ThreadSanitizer:.*free"
	silent
}

atf_test_case address
address_head()
{
	atf_set descr "AddressSanitizer: the library, instrumented"
	atf_set require.progs "${cc}" cargo objcopy
}
address_body()
{
	require_source
	require_sanitizer address,undefined
	instrument address
	build ${here}/h_threads.c -fsanitize=address,undefined \
	    -fno-sanitize-recover=all
	told leak "LeakSanitizer: detected memory leaks"
	told use "AddressSanitizer: heap-use-after-free"
	silent
}

atf_test_case thread
thread_head()
{
	atf_set descr "ThreadSanitizer: the library, instrumented"
	atf_set require.progs "${cc}" cargo objcopy
}
thread_body()
{
	require_source
	require_sanitizer thread
	instrument thread
	build ${here}/h_threads.c -fsanitize=thread
	told race "ThreadSanitizer: data race"
	silent
}

atf_test_case memcheck
memcheck_head()
{
	atf_set descr "valgrind: no byte misread, no memory or descriptor left"
	atf_set require.progs "${cc}" valgrind
}
memcheck_body()
{
	require_source
	build ${here}/h_threads.c
	run="valgrind -q --error-exitcode=99 --leak-check=full \
	    --show-leak-kinds=all --track-fds=yes --log-file=log.%p"
	told leak "definitely lost" ${run}
	atf_check -o match:"Open file descriptor [0-9]*: \.$" cat told
	told use "Invalid read" ${run}
	rm log.*
	silent ${run}
	# Those that it inherited are not its own.
	awk '/Open file descriptor/ {
		told = $0
		getline
		if (!/inherited/) { print told; print }
	    }' log.* > open
	atf_check cat open
}

atf_test_case helgrind
helgrind_head()
{
	atf_set descr "valgrind: no two threads at the same bytes"
	atf_set require.progs "${cc}" valgrind
	atf_set require.files /usr/include/valgrind/helgrind.h
}
helgrind_body()
{
	require_source
	build ${here}/h_threads.c -DHELGRIND
	run="valgrind -q --tool=helgrind --error-exitcode=99"
	told race "Possible data race" ${run}
	silent ${run}
}

# cases program: its test cases that this user may run.  Nobody else looks at
# what they require.
cases()
{
	"$1" -l | awk -v root="$(id -u)" '
	    /^ident: / { name = $2 }
	    /^require.user: root/ && root != 0 { name = "" }
	    /^$/ && name != "" { print name; name = "" }
	    END { if (name != "") print name }'
}

# suite [command ...]: run the tests in C that mostly do not wait, and leave in
# reports what is told, and in results how they ended.
suite()
{
	mkdir reports results
	top=$(pwd)
	for suite in directory faults nfslock theft wait; do
		build ${here}/t_${suite}.c ${flags} -I${here} -latf-c
		( for case in $(cases ./t_${suite}); do
			mkdir -m 755 w.${suite}
			(cd w.${suite} && "$@" ${top}/t_${suite} -s ${top} \
			    -r ${top}/results/${suite}.${case} ${case})
			chmod -R u+rwx w.${suite}
			rm -r w.${suite}
		done ) > out.${suite} 2>&1 &
	done
	wait
	cat out.*
	atf_check test -e results/theft.touched
	find reports -type f -size +0 -exec cat {} + > told
	atf_check cat told
}

# ATF itself leaves memory to be freed by its end.
export __RUNNING_INSIDE_ATF_RUN=internal-yes-value

atf_test_case suite_address
suite_address_head()
{
	atf_set descr "AddressSanitizer: the tests in C"
	atf_set require.progs "${cc}" cargo objcopy
	atf_set require.files /usr/include/atf-c.h
}
suite_address_body()
{
	require_source
	require_sanitizer address,undefined
	instrument address
	export ASAN_OPTIONS=detect_leaks=0:log_path=$(pwd)/reports/log
	export UBSAN_OPTIONS=log_path=$(pwd)/reports/log
	flags="-fsanitize=address,undefined -fno-sanitize-recover=all"
	suite env
	grep -L -e ^passed -e ^skipped results/* > failed
	atf_check cat failed
}

atf_test_case suite_memcheck
suite_memcheck_head()
{
	atf_set descr "valgrind: the tests in C"
	atf_set require.progs "${cc}" valgrind
	atf_set require.files /usr/include/atf-c.h
	atf_set timeout 900
	atf_set X-soak "only when the configuration variable soak is yes"
}
suite_memcheck_body()
{
	[ "$(atf_config_get soak no)" = yes ] ||
	    atf_skip "set the variable soak to yes to run this"
	require_source
	# What some of them see of their own process is valgrind's, so that
	# they fail: here only what valgrind tells counts.
	suite valgrind -q --log-file=$(pwd)/reports/log.%p
}

atf_init_test_cases()
{
	atf_add_test_case archive_address
	atf_add_test_case archive_thread
	atf_add_test_case address
	atf_add_test_case thread
	atf_add_test_case memcheck
	atf_add_test_case helgrind
	atf_add_test_case suite_address
	atf_add_test_case suite_memcheck
}
