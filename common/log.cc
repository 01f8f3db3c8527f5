#include "common/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

namespace hanok {

void init_log(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("hanok", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%f %l %v");
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
}

}  // namespace hanok
