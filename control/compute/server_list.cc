// GET /servers and /servers/detail: read in steps of a page, so that a short list costs a page and not the
// table.

#include <fmt/format.h>

#include "control/compute/server_filter.h"
#include "control/compute/servers.h"

namespace hanok::compute {
namespace {

constexpr std::int64_t kStep = 200;

// Rows after `last` in the filter's order; ties are broken by seq.
std::string page_sql(const ServerFilter& filter, bool after) {
  const char* direction = filter.descending ? "DESC" : "ASC";
  const char* sign = filter.descending ? "<" : ">";
  std::string out = fmt::format("SELECT {} FROM servers WHERE {}", server_columns(), filter.where);
  if (after) {
    out += filter.order == "seq"
               ? fmt::format(" AND seq {} ?", sign)
               : fmt::format(" AND ({0}, seq) {1} ((SELECT {0} FROM servers WHERE seq = ?), ?)",
                             fmt::format("COALESCE({}, '')", filter.order), sign);
  }
  if (filter.order == "seq") return out + fmt::format(" ORDER BY seq {} LIMIT {}", direction, kStep);
  return out +
         fmt::format(" ORDER BY COALESCE({0}, '') {1}, seq {1} LIMIT {2}", filter.order, direction, kStep);
}

Result<std::int64_t> marker_seq(store::Tx& tx, const http::Request& request, const std::string& marker) {
  if (marker.empty()) return std::int64_t{0};
  HANOK_TRY(server, load_server(tx, marker));
  if (!server || (!request.caller.is_admin && server->project_id != request.caller.project_id)) {
    return bad_request(fmt::format("marker [{}] not found", marker.substr(0, 64)));
  }
  return server->seq;
}

// Servers that pass, at most `limit` + 1: the last one only tells that there are more.
Result<std::vector<Server>> collect(store::Tx& tx, const ServerFilter& filter, std::int64_t after_seq,
                                    std::int64_t limit) {
  std::vector<Server> out;
  while (!filter.nothing) {
    store::Args args = filter.args;
    if (after_seq > 0) {
      args.emplace_back(after_seq);
      if (filter.order != "seq") args.emplace_back(after_seq);
    }
    HANOK_TRY(rows, tx.query(page_sql(filter, after_seq > 0), args));
    for (const auto& row : rows) {
      Server server = read_server(row);
      after_seq = server.seq;
      HANOK_TRY(good, passes(tx, filter, server));
      if (good) out.push_back(std::move(server));
      if (static_cast<std::int64_t>(out.size()) > limit) return out;
    }
    if (static_cast<std::int64_t>(rows.size()) < kStep) break;
  }
  return out;
}

Answer list_servers_with(Context& context, http::Request& request, bool detail) {
  HANOK_TRY(page, page_of(request));
  HANOK_TRY(filter, parse_filter(request));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(after, marker_seq(tx, request, page.marker));
    HANOK_TRY(found, collect(tx, filter, after, page.limit));
    const bool more = static_cast<std::int64_t>(found.size()) > page.limit;
    if (more) found.pop_back();
    Json list = Json::array();
    for (const auto& server : found) {
      if (!detail) {
        list.push_back(server_summary(request, server));
        continue;
      }
      HANOK_TRY(view, server_view(tx, request, server, View::kDetail));
      list.push_back(std::move(view));
    }
    Json body = {{"servers", std::move(list)}};
    // Nova gives the link whenever the page is full, so clients ask once more.
    const bool full = request.query_one("limit") && page.limit == static_cast<std::int64_t>(found.size());
    if ((more || full) && !found.empty()) body["servers_links"] = next_link(request, found.back().id);
    return http::ok(std::move(body));
  });
}

}  // namespace

Answer list_servers(Context& context, http::Request& request) {
  return list_servers_with(context, request, false);
}

Answer list_servers_detail(Context& context, http::Request& request) {
  return list_servers_with(context, request, true);
}

}  // namespace hanok::compute
