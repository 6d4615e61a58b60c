#	$NetBSD$
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


# What NetBSD's machines get, built by compilers for them that run here: zig's C
# compiler, which has NetBSD's headers and the symbols of its libraries, and a
# standard library of Rust's made from the sources that Debian has.

. "$(atf_get_srcdir)/h_tree.sh"

: ${NFSLOCK_ZIG:=/nonexistent}
zig=${NFSLOCK_ZIG}/ziglang/zig
library=/usr/lib/rustlib/src/rust/library

# compilers TARGET ZIGTARGET: cc, rustc and atf-c of that machine.
compilers()
{
	[ -x "${zig}" ] || atf_skip "no ${zig}: share/setup has it installed"
	[ -e ${library}/Cargo.lock ] && [ -x /usr/bin/cargo ] ||
	    atf_skip "no ${library}: share/setup has it installed"
	export ZIG_GLOBAL_CACHE_DIR="${NFSLOCK_ZIG}/cache"

	# It lacks options that rustc gives to NetBSD's linker.
	cat > cc <<-EOF
	#!/bin/sh
	for word; do
		shift
		case \$word in
		-m32 | -m64) ;;
		*)	set -- "\$@" "\$word" ;;
		esac
	done
	exec ${zig} cc -target $2 "\$@" -idirafter ${PWD}/include -L${PWD}
	EOF
	chmod +x cc
	mkdir include
	cp -R /usr/include/atf-c /usr/include/atf-c.h include
	nm -D --defined-only "$(cc -print-file-name=libatf-c.so)" |
	    sed -n 's/.* T \(atf_[a-z_]*\)$/void \1(void); void \1(void) {}/p' \
	    > atf.c
	atf_check ./cc -c atf.c
	atf_check -e ignore ar crs libatf-c.a atf.o

	mkdir std
	printf '[package]\nname = "none"\n[lib]\npath = "none.rs"\n[profile.release]\npanic = "abort"\n' > std/Cargo.toml
	echo '#![no_std]' > std/none.rs
	# Soon made, not fast.
	atf_check -o ignore -e ignore env RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc \
	    RUSTFLAGS=-Cembed-bitcode=yes CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
	    /usr/bin/cargo build --release \
	    -Zbuild-std=std,panic_abort --target $1 --manifest-path std/Cargo.toml
	lib=${PWD}/root/lib/rustlib
	mkdir -p "${lib}/$1/lib"
	mv std/target/$1/release/deps/lib[!n]*.rlib "${lib}/$1/lib"
	rm -r std
	host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
	ln -s "$(/usr/bin/rustc --print sysroot)/lib/rustlib/${host}" "${lib}"
	printf '#!/bin/sh\nexec /usr/bin/rustc --sysroot %s "$@"\n' "${PWD}/root" \
	    > rustc
	chmod +x rustc
}

# executable FILE [REGEX ...]: as NetBSD's are, for ${machine}, and as told.
executable()
{
	readelf -hldnW "$1" > elf
	shift
	for line in "Machine:.*${machine}" "interpreter: /libexec/ld.elf_so" \
	    "NetBSD.*IDENT" "GNU_STACK.* RW " "$@"; do
		atf_check -o ignore grep -e "${line}" elf
	done
	atf_check -s exit:1 grep -e RPATH -e RUNPATH elf
	sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' elf > needed
	atf_check -s exit:1 grep -vx -e libc.so.12 -e libpthread.so.1 needed
}

# crosses MACHINE_ARCH TARGET ZIGTARGET MACHINE PREFIX
crosses()
{
	compilers "$2" "$3"
	machine=$4
	echo 'int no_such_function(void);
int main(void) { return no_such_function(); }' > unknown.c
	atf_check -s not-exit:0 -e match:no_such_function ./cc -o unknown unknown.c

	building_tree tree
	atf_check -o ignore ${import} tree
	for leaf in lib/libnfslock libexec/mail.local tests/lib/libnfslock; do
		atf_check -o ignore -e ignore \
		    env MAKESYSPATH="${PWD}/tree/share/mk:/usr/share/mk" \
		    MACHINE_ARCH=$1 MKRUST=yes MKDEBUG=yes MKRELRO=yes \
		    bmake -C tree/${leaf} CC="${PWD}/cc" LD=$5ld AR=$5ar \
		    OBJCOPY=$5objcopy TOOL_CARGO=/usr/bin/cargo \
		    TOOL_RUSTC="${PWD}/rustc" MAKEOBJDIRPREFIX="${PWD}/obj" \
		    DESTDIR="${PWD}/dest" install
	done
	# zig's linker does without RELRO, whatever it is told.
	executable dest/usr/libexec/mail.local "Type: *DYN" BIND_NOW
	atf_check -o match:mail.local.debug $5objcopy --dump-section \
	    .gnu_debuglink=/dev/stdout dest/usr/libexec/mail.local copy
	for program in dest/usr/tests/lib/libnfslock/[ht]_*; do
		case $(head -c 4 ${program}) in
		*ELF)	executable ${program} ;;
		esac
	done
	# All of the library, with what NetBSD's libc has.
	echo 'int main(void) { return 0; }' > main.c
	atf_check -e ignore ./cc -o main main.c -Wl,--whole-archive \
	    dest/usr/lib/libnfslock.a -Wl,--no-whole-archive
	atf_check -o match:"nfslock_acquire" $5nm main
}

# machine daily|soak MACHINE_ARCH TARGET ZIGTARGET MACHINE [PREFIX]
machine()
{
	_when=$1
	shift
	atf_test_case $1
	eval "
	$1_head()
	{
		atf_set descr 'Library, program and tests for NetBSD on $1'
		atf_set require.progs 'bmake cargo readelf $5ld $5objcopy'
		atf_set timeout 1200
		[ ${_when} = daily ] ||
		    atf_set X-soak 'only when the configuration variable soak is yes'
	}
	$1_body()
	{
		[ ${_when} = daily ] || [ \"\$(atf_config_get soak no)\" = yes ] ||
		    atf_skip 'set the variable soak to yes to run this'
		crosses $1 $2 $3 '$4' $5
	}"
	atf_add_test_case $1
}

# zig links no program for powerpc, and has no start of one for sparc64.
atf_init_test_cases()
{
	machine daily x86_64 x86_64-unknown-netbsd x86_64-netbsd-none X86-64
	machine daily aarch64 aarch64-unknown-netbsd aarch64-netbsd-none \
	    AArch64 aarch64-linux-gnu-
	machine soak i386 i586-unknown-netbsd x86-netbsd-none Intel \
	    i686-linux-gnu-
	machine soak earmv7hf armv7-unknown-netbsd-eabihf arm-netbsd-eabihf \
	    ARM arm-linux-gnueabihf-
	machine soak riscv64 riscv64gc-unknown-netbsd riscv64-netbsd-none \
	    RISC-V riscv64-linux-gnu-
}
