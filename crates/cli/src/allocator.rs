//! How much free memory the system's allocator keeps for itself.

/// Has the threads of a server share as many pools of the allocator as there are cores. With glibc's own eight for each core, what one thread frees
/// lies idle while another asks the system for more: a server of small limits took twice the memory. `MALLOC_ARENA_MAX` in the environment
/// goes before, and so does the same number among `GLIBC_TUNABLES`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc has no other door to this number, and no crate a safe one")]
pub(crate) fn share_pools() {
    let tunables = std::env::var("GLIBC_TUNABLES").unwrap_or_default();
    if std::env::var_os("MALLOC_ARENA_MAX").is_some() || tunables.contains("glibc.malloc.arena_max") {
        return;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = i32::try_from(cores).unwrap_or(i32::MAX);
    // SAFETY: the call takes two numbers and keeps no pointer. Where it fails, the number stays what it was.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, cores) };
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn share_pools() {}
