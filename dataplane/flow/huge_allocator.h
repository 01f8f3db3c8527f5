#pragma once
// For tables that are looked up at random: their pages are asked to be huge ones (madvise(2), MADV_HUGEPAGE),
// since a lookup in 4 KiB pages pays a page walk besides the cache miss. Where the kernel gives none, nothing
// else changes.

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace hanok::dataplane {

template <typename T>
struct HugeAllocator {
  using value_type = T;
  HugeAllocator() = default;
  template <typename U>
  HugeAllocator(const HugeAllocator<U>&) {}  // NOLINT(google-explicit-constructor): an allocator's own

  T* allocate(std::size_t count) {
    constexpr std::size_t kHuge = std::size_t{2} << 20U;
    const std::size_t bytes = count * sizeof(T);
    const bool large = bytes >= kHuge;
    const std::size_t align = large ? kHuge : 64;
    const std::size_t whole = (bytes + align - 1) / align * align;
    void* out = std::aligned_alloc(align, whole);
    if (out == nullptr) throw std::bad_alloc();
    if (large) (void)madvise(out, whole, MADV_HUGEPAGE);
    return static_cast<T*>(out);
  }
  void deallocate(T* pointer, std::size_t) { std::free(pointer); }

  bool operator==(const HugeAllocator&) const = default;
};

}  // namespace hanok::dataplane
