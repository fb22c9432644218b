// The executable `cove`: picks the program that a verb names. Nothing else is decided here.
//
// `serve` is the runner, and `doctor` looks at the machine with its eyes; `front` and `worker` are
// internal verbs that the runner starts itself with. `box` brings a server of its own. Every other
// verb belongs to the command line.
#include <string>
#include <vector>

#include "box/box.h"
#include "cli/cli.h"
#include "front/front.h"
#include "runner/doctor.h"
#include "runner/serve.h"

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  const std::string verb = args.empty() ? std::string() : args.front();
  const std::vector<std::string> rest(args.begin() + (args.empty() ? 0 : 1), args.end());
  if (verb == "serve") return cove::runner::ServeMain(rest);
  if (verb == "doctor") return cove::runner::DoctorMain(rest);
  if (verb == "box") return cove::box::BoxMain(rest);
  if (verb == "worker") return cove::runner::WorkerMain(rest);
  if (verb == "front") return cove::front::FrontMain(rest);
  return cove::cli::CliMain(args);
}
