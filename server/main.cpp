/// braid-server: the command line of the server daemon.
#include "common/admin/cli.hpp"
#include "common/admin/key_tool.hpp"
#include "common/crypto/keys.hpp"
#include "common/sys/privilege.hpp"
#include "server/config.hpp"
#include "server/instance.hpp"
#include "server/status_table.hpp"

#include <cstdio>

int main(int argc, char** argv)
{
    using namespace braid;
    const auto ready = forbid_core_dumps().and_then(crypto::init);
    if (!ready) {
        std::fprintf(stderr, "error: %s\n", ready.error().text().c_str());
        return static_cast<int>(ExitCode::failure);
    }
    const Program program{
        .name = "braid-server",
        .summary = "Lets braid-clients carry their traffic to the Internet through this host.",
        .version = BRAID_VERSION,
        .default_config = "/etc/braid/server.yaml",
        .default_settings = ServerConfig{}.daemon,
        .load = ServerInstance::load,
        .status_table = server_status_table,
        .keys = key_tool(),
    };
    return run_cli(program, argc, argv);
}
