// The table of routes: what each needs (a key, a scope) and how its errors look.
// Thread: filled at start, then read.
#pragma once

#include "api/call.h"

namespace cove::api {

using HandlerFn = Task<Result<void>> (*)(Call&);

class Routes {
 public:
  explicit Routes(const Context& context) : context_(context) {}

  // A handler behind a key. `scope` (for example "write:sandboxes") is what a key with scopes
  // must have; empty: any key will do.
  void Add(std::string method, std::string pattern, HandlerFn handler, std::string_view scope = {},
           Area area = Area::kControl);
  // A handler that anyone may call.
  void AddOpen(std::string method, std::string pattern, HandlerFn handler);
  // A handler behind a key below /toolbox/{sandbox}. Whoever is inside may do all that can be done
  // there, reading included, so each needs the scope write:sandboxes (decision 0131). The sandbox
  // must be the caller's, and counts as used, by `activity`, for as long as the handler runs.
  // A paused one is resumed first, where that is set.
  void AddInside(std::string method, std::string pattern, HandlerFn handler, Area area,
                 control::Activity activity = control::Activity::kApi);

  // Answers in any case: 404 and 405 in Daytona's shape too.
  Task<void> Dispatch(http::Exchange& exchange) const;

 private:
  const Context& context_;
  http::Router router_;
};

// One per resource.
void AddConfigRoutes(Routes& routes);
void AddSandboxRoutes(Routes& routes);
void AddSandboxSettingsRoutes(Routes& routes);
void AddPreviewUrlRoutes(Routes& routes);
void AddSnapshotRoutes(Routes& routes);
void AddWarmPoolRoutes(Routes& routes);
void AddKeyRoutes(Routes& routes);
void AddSecretRoutes(Routes& routes);
void AddAiUsageRoutes(Routes& routes);
void AddAiTextRoutes(Routes& routes);
void AddAiBudgetRoutes(Routes& routes);
void AddAiTokenRoutes(Routes& routes);
void AddMetricsRoutes(Routes& routes);
void AddPolicyRoutes(Routes& routes);
void AddAuditRoutes(Routes& routes);
void AddUnsupportedRoutes(Routes& routes);
void AddProcessRoutes(Routes& routes);
void AddSessionRoutes(Routes& routes);
void AddPtyRoutes(Routes& routes);
void AddFileRoutes(Routes& routes);
void AddUploadRoutes(Routes& routes);
void AddDownloadRoutes(Routes& routes);
void AddInsideRoutes(Routes& routes);

}  // namespace cove::api
