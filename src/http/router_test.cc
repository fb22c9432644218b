// Goal: the table finds the most exact pattern and tells 404 from 405.
// Method: a table of patterns, and paths with what they must give.
#include "http/router.h"

#include <gtest/gtest.h>

namespace cove::http {
namespace {

RouteHandler Nothing() {
  return [](Exchange&, const PathParams&) -> Task<void> { co_return; };
}

Router MakeTable() {
  Router router;
  router.Add("GET", "/", Nothing());
  router.Add("GET", "/sandbox", Nothing());
  router.Add("POST", "/sandbox", Nothing());
  router.Add("GET", "/sandbox/{id}", Nothing());
  router.Add("DELETE", "/sandbox/{id}", Nothing());
  router.Add("GET", "/sandbox/paginated", Nothing());
  router.Add("POST", "/sandbox/{id}/start", Nothing());
  router.Add("GET", "/sandbox/{sandbox}/ports/{port}/url", Nothing());
  router.Add("GET", "/toolbox/{id}/{rest...}", Nothing());
  return router;
}

std::string Pattern(std::string_view method, std::string_view path) {
  return MakeTable().Match(method, path).pattern;
}

TEST(RouterTest, PrefersLiteralsAndFallsBackToCaptures) {
  EXPECT_EQ(Pattern("GET", "/"), "/");
  EXPECT_EQ(Pattern("GET", "/sandbox"), "/sandbox");
  EXPECT_EQ(Pattern("GET", "/sandbox/paginated"), "/sandbox/paginated");
  EXPECT_EQ(Pattern("DELETE", "/sandbox/paginated"), "/sandbox/{id}");
  EXPECT_EQ(Pattern("POST", "/sandbox/paginated/start"), "/sandbox/{id}/start");
  EXPECT_EQ(Pattern("HEAD", "/sandbox"), "/sandbox");
}

TEST(RouterTest, CapturesDecodedSegmentsByTheNamesOfTheirRoute) {
  const Router router = MakeTable();
  const RouteMatch match = router.Match("GET", "/sandbox/a%2Fb/ports/80/url");
  ASSERT_EQ(match.kind, RouteMatch::Kind::kFound);
  EXPECT_EQ(match.params["sandbox"], "a/b");
  EXPECT_EQ(match.params["port"], "80");
  EXPECT_EQ(match.params["other"], "");
}

TEST(RouterTest, TheRestIsPassedOnRaw) {
  const Router router = MakeTable();
  EXPECT_EQ(router.Match("GET", "/toolbox/x/files/a%20b/").params["rest"], "files/a%20b/");
  EXPECT_EQ(router.Match("GET", "/toolbox/x/").params["rest"], "");
  EXPECT_EQ(router.Match("GET", "/toolbox/x").kind, RouteMatch::Kind::kFound);
}

TEST(RouterTest, TellsUnknownPathsFromWrongMethods) {
  const Router router = MakeTable();
  for (const char* path : {"/nope", "/sandbox/", "/sandbox//start", "/sandbox/x/", "", "sandbox",
                           "/sandbox/%zz", "*"}) {
    EXPECT_EQ(router.Match("GET", path).kind, RouteMatch::Kind::kNotFound) << path;
  }
  const RouteMatch match = router.Match("PUT", "/sandbox");
  EXPECT_EQ(match.kind, RouteMatch::Kind::kMethodNotAllowed);
  EXPECT_EQ(match.allow, "GET, POST");
}

TEST(RouterDeathTest, ABrokenTableEndsTheProcessAtStart) {
  Router router = MakeTable();
  EXPECT_DEATH(router.Add("GET", "/sandbox/{other}", Nothing()), "already in the table");
  EXPECT_DEATH(router.Add("GET", "/{rest...}/x", Nothing()), "must be the last");
  EXPECT_DEATH(router.Add("GET", "/{}", Nothing()), "a capture is");
}

}  // namespace
}  // namespace cove::http
