// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/strings.h"
#include "executor/seccomp.h"

namespace kiln::executor {
namespace {

/// Names are separated by blanks, in all tables.
constexpr std::string_view kAllowed =
    "_llseek _newselect accept accept4 access adjtimex alarm arch_prctl arm_fadvise64_64 "
    "arm_sync_file_range bind breakpoint brk cacheflush cachestat capget capset chdir chmod "
    "chown chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 "
    "clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range "
    "connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl "
    "epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve "
    "execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate "
    "fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 "
    "fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat "
    "fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 "
    "futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu "
    "getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups "
    "getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom "
    "getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname "
    "getsockopt gettid gettimeofday getuid getuid32 getxattr inotify_add_watch inotify_init "
    "inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents "
    "io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill "
    "landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 "
    "lgetxattr link linkat listen listxattr llistxattr llseek lremovexattr lseek lsetxattr "
    "lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore "
    "mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt mprotect "
    "mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
    "mq_timedsend_time64 mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock "
    "munlockall munmap name_to_handle_at nanosleep newfstatat nice oldfstat oldlstat oldstat "
    "olduname open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc "
    "pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 "
    "process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace "
    "pwrite64 pwritev pwritev2 read readahead readdir readlink readlinkat readv recv recvfrom "
    "recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat renameat2 "
    "restart_syscall riscv_flush_icache rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask "
    "rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 "
    "rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity "
    "sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval "
    "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
    "sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop "
    "semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list "
    "set_thread_area set_tid_address set_tls setfsgid setfsgid32 setfsuid setfsuid32 setgid "
    "setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 "
    "setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid "
    "setsockopt setuid setuid32 setxattr sgetmask shmat shmctl shmdt shmget shutdown "
    "sigaction sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigreturn "
    "sigsuspend socketcall socketpair splice ssetmask stat stat64 statfs statfs64 statx "
    "symlink symlinkat sync sync_file_range sync_file_range2 syncfs sysinfo tee tgkill time "
    "timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
    "timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
    "timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat "
    "usr26 usr32 utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid "
    "write writev";

/// They act outside of the container or on the kernel itself, whatever the capabilities.
constexpr std::string_view kForbidden =
    "_sysctl add_key afs_syscall bdflush break create_module ftime get_kernel_syms getpmsg "
    "gtty idle kexec_file_load kexec_load keyctl lock mpx nfsservctl prof profil putpmsg "
    "query_module request_key security stty sysfs tuxcall ulimit uselib userfaultfd ustat "
    "vm86 vm86old vserver";

/// Allowed with a capability, forbidden without it.
struct Guarded {
  const char* capability;
  std::string_view names;
};
constexpr std::array kGuarded = {
    Guarded{"CAP_SYS_ADMIN",
            "bpf fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr "
            "move_mount open_tree perf_event_open pivot_root quotactl quotactl_fd setdomainname "
            "sethostname setns swapoff swapon umount umount2 unshare"},
    Guarded{"CAP_SYS_BOOT", "reboot"},
    Guarded{"CAP_SYS_CHROOT", "chroot"},
    Guarded{"CAP_SYS_MODULE", "delete_module finit_module init_module"},
    Guarded{"CAP_SYS_NICE",
            "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node"},
    Guarded{"CAP_SYS_PACCT", "acct"},
    Guarded{"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"},
    Guarded{"CAP_SYS_RAWIO", "ioperm iopl"},
    Guarded{"CAP_SYS_TIME", "clock_settime clock_settime64 settimeofday stime"},
    Guarded{"CAP_SYS_TTY_CONFIG", "vhangup"},
    Guarded{"CAP_SYSLOG", "syslog"},
    Guarded{"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
};

/// Programs must believe that the kernel doesn't know these, and use what they used before them:
/// filters can't look into clone3's arguments, nor at what an io_uring does.
constexpr std::string_view kHidden = "clone3 io_uring_enter io_uring_register io_uring_setup";

/// The CLONE_NEW… flags: no namespaces are created without CAP_SYS_ADMIN.
constexpr std::uint64_t kCloneNamespaces = 0x7E020000;
/// PER_LINUX, PER_LINUX32, UNAME26, both, and the value that only asks.
constexpr std::array<std::uint64_t, 5> kPersonalities = {0, 8, 0x20000, 0x20008, 0xFFFFFFFF};
/// Virtual sockets have no network namespaces: they reach the hypervisor.
constexpr std::uint64_t kVirtualSockets = 40;
constexpr int kEperm = 1;
constexpr int kEnosys = 38;

using nlohmann::json;

json names_of(std::string_view table) {
  json names = json::array();
  for (const std::string_view name : split(table, ' ')) names.push_back(std::string(name));
  return names;
}

json allow(std::string_view names) {
  return {{"names", names_of(names)}, {"action", "SCMP_ACT_ALLOW"}};
}

json refuse(std::string_view names, int error_number) {
  return {{"names", names_of(names)}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", error_number}};
}

json argument(unsigned index, const char* op, std::uint64_t value, std::uint64_t value_two = 0) {
  return {{"index", index}, {"op", op}, {"value", value}, {"valueTwo", value_two}};
}

json allow_if(const char* name, json condition) {
  json rule = allow(name);
  rule["args"] = json::array({std::move(condition)});
  return rule;
}

json architecture(const char* name, std::initializer_list<const char*> narrower) {
  json entry = {{"architecture", name}, {"subArchitectures", json::array()}};
  for (const char* sub : narrower) entry["subArchitectures"].push_back(sub);
  return entry;
}

json build_profile() {
  json rules = json::array({allow(kAllowed), refuse(kForbidden, kEperm), refuse(kHidden, kEnosys)});
  for (const Guarded& guarded : kGuarded) {
    json with = allow(guarded.names);
    with["includes"]["caps"] = json::array({guarded.capability});
    rules.push_back(std::move(with));
    json without = refuse(guarded.names, kEperm);
    without["excludes"]["caps"] = json::array({guarded.capability});
    rules.push_back(std::move(without));
  }
  json clone_with = allow("clone");
  clone_with["includes"]["caps"] = json::array({"CAP_SYS_ADMIN"});
  rules.push_back(std::move(clone_with));
  json clone_without = allow_if("clone", argument(0, "SCMP_CMP_MASKED_EQ", kCloneNamespaces, 0));
  clone_without["excludes"]["caps"] = json::array({"CAP_SYS_ADMIN"});
  rules.push_back(std::move(clone_without));
  for (const std::uint64_t value : kPersonalities)
    rules.push_back(allow_if("personality", argument(0, "SCMP_CMP_EQ", value)));
  rules.push_back(allow_if("socket", argument(0, "SCMP_CMP_NE", kVirtualSockets)));

  json profile;
  profile["defaultAction"] = "SCMP_ACT_ERRNO";
  profile["defaultErrnoRet"] = kEnosys;
  profile["archMap"] = json::array(
      {architecture("SCMP_ARCH_X86_64", {"SCMP_ARCH_X86", "SCMP_ARCH_X32"}),
       architecture("SCMP_ARCH_AARCH64", {"SCMP_ARCH_ARM"}), architecture("SCMP_ARCH_RISCV64", {}),
       architecture("SCMP_ARCH_PPC64LE", {}), architecture("SCMP_ARCH_S390X", {"SCMP_ARCH_S390"})});
  profile["syscalls"] = std::move(rules);
  return profile;
}

}  // namespace

const std::string& builtin_seccomp_profile() {
  static const std::string kProfile = dump_json(build_profile());
  return kProfile;
}

}  // namespace kiln::executor
