// Whether this build carries a sanitizer's run-time: for the few tests that measure memory or need
// a static program, which a sanitizer changes.
#pragma once

namespace cove {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace cove
