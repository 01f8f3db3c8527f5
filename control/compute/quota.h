#pragma once
// How much a project may have. Negative means unlimited.

#include <array>
#include <string_view>

#include "control/compute/context.h"

namespace hanok::compute {

struct QuotaResource {
  const char* name;
  std::int64_t by_default;
  int last_minor;  // not shown after this microversion
};
inline constexpr std::array kQuotas = {
    QuotaResource{"instances", 10, kMaxMinor},
    QuotaResource{"cores", 20, kMaxMinor},
    QuotaResource{"ram", 51200, kMaxMinor},  // MiB
    QuotaResource{"floating_ips", -1, 35},
    QuotaResource{"fixed_ips", -1, 35},
    QuotaResource{"security_groups", -1, 35},
    QuotaResource{"security_group_rules", -1, 35},
    QuotaResource{"metadata_items", 128, kMaxMinor},
    QuotaResource{"key_pairs", 100, kMaxMinor},
    QuotaResource{"server_groups", 10, kMaxMinor},
    QuotaResource{"server_group_members", 10, kMaxMinor},
    QuotaResource{"injected_files", 5, 56},
    QuotaResource{"injected_file_content_bytes", 10240, 56},
    QuotaResource{"injected_file_path_bytes", 255, 56},
};

[[nodiscard]] Result<std::int64_t> quota_limit(store::Tx& tx, const std::string& project_id,
                                               std::string_view resource);

struct Usage {
  std::int64_t instances = 0, cores = 0, ram_mib = 0;
};
[[nodiscard]] Result<Usage> usage_of(store::Tx& tx, const std::string& project_id);
// kOverQuota, naming what is asked for, used and allowed, when `more` does not fit.
[[nodiscard]] Status check_quota(store::Tx& tx, const std::string& project_id, const Usage& more);

[[nodiscard]] Answer show_quota(Context& context, http::Request& request);
[[nodiscard]] Answer show_quota_detail(Context& context, http::Request& request);
[[nodiscard]] Answer show_default_quota(Context& context, http::Request& request);
[[nodiscard]] Answer update_quota(Context& context, http::Request& request);
[[nodiscard]] Answer delete_quota(Context& context, http::Request& request);
[[nodiscard]] Answer show_limits(Context& context, http::Request& request);

}  // namespace hanok::compute
