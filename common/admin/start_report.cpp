#include "common/admin/start_report.hpp"

#include "common/admin/json_text.hpp"
#include "common/base/log.hpp"

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace braid {
namespace {

struct KindName {
    StartReport::Kind kind;
    std::string_view name;
};
constexpr std::array kind_names{
    KindName{StartReport::Kind::progress, "progress"},
    KindName{StartReport::Kind::ready, "ready"},
    KindName{StartReport::Kind::failed, "failed"},
};
constexpr std::size_t longest_text = 1024; ///< bytes; a pipe holds many such reports

tl::unexpected<Error> malformed()
{
    return fail(std::errc::protocol_error, "the daemon's report makes no sense");
}

} // namespace

std::string StartReport::line() const
{
    std::string_view name;
    for (const auto& known : kind_names) {
        if (known.kind == kind) name = known.name;
    }
    const nlohmann::json report{{"kind", name},
                                {"code", static_cast<int>(code)},
                                {"text", text.substr(0, longest_text)},
                                {"hint", hint.substr(0, longest_text)}};
    return report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<StartReport> StartReport::parse(std::string_view line)
{
    const auto report = parse_json(line).value_or(nlohmann::json{});
    if (!report.is_object()) return malformed();
    const auto member = [&report](const char* key) {
        const auto found = report.find(key);
        return found != report.end() && found->is_string() ? found->get<std::string>() : "";
    };
    const auto code = report.find("code");
    if (code == report.end() || !code->is_number_unsigned()) return malformed();
    const auto value = code->get<std::size_t>();
    if (value >= exit_code_texts.size()) return malformed();
    for (const auto& known : kind_names) {
        if (known.name != member("kind")) continue;
        return StartReport{.kind = known.kind,
                           .code = exit_code_texts[value].code,
                           .text = member("text"),
                           .hint = member("hint")};
    }
    return malformed();
}

void PipeReporter::progress(std::string_view waiting_for, ExitCode if_timed_out)
{
    send({.kind = StartReport::Kind::progress,
          .code = if_timed_out,
          .text = std::string{waiting_for}});
}

void PipeReporter::ready()
{
    if (!pipe_) return;
    spdlog::info("ready");
    send({.kind = StartReport::Kind::ready});
    pipe_.reset();
}

void PipeReporter::failed(ExitCode code, const Error& error)
{
    spdlog::error("{}", error.text());
    send({.kind = StartReport::Kind::failed,
          .code = code,
          .text = error.text(),
          .hint = error.hint});
    pipe_.reset();
}

void PipeReporter::send(const StartReport& report)
{
    const std::string line = report.line();
    while (pipe_ && ::write(pipe_.get(), line.data(), line.size()) < 0 && errno == EINTR) {
    }
}

} // namespace braid
