/// What a starting daemon tells the process that started it, one JSON line each, over a pipe.
#pragma once

#include "common/admin/exit_code.hpp"
#include "common/admin/program.hpp"
#include "common/base/result.hpp"
#include "common/sys/fd.hpp"

#include <string>
#include <string_view>

namespace braid {

struct StartReport {
    enum class Kind {
        progress, ///< `text` is what it waits for, `code` the status if time runs out
        ready,
        failed, ///< `text` is the error
    };
    Kind kind = Kind::progress;
    ExitCode code = ExitCode::ok;
    std::string text{};
    std::string hint{};

    /// With line end.
    [[nodiscard]] std::string line() const;
    /// Errors (protocol_error): not a line that line() wrote.
    [[nodiscard]] static Result<StartReport> parse(std::string_view line);
};

/// Reports into a pipe until ready() or failed(), which close it. A reader that has gone is
/// no error: SIGPIPE must be ignored.
class PipeReporter final : public StartReporter {
public:
    explicit PipeReporter(Fd pipe) noexcept : pipe_(std::move(pipe)) {}
    void progress(std::string_view waiting_for, ExitCode if_timed_out) override;
    void ready() override;
    void failed(ExitCode code, const Error& error) override;

private:
    void send(const StartReport& report);
    Fd pipe_;
};

} // namespace braid
