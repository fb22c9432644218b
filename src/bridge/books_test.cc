// Goal: however many calls come at once, a budget is passed by no more than one call's cost; what
// is spent is what the rows say, after a crash too; and every refusal says what to do. Method:
// books over a store in memory; calls of a fixed cost that end when the test lets them.
#include "bridge/books.h"

#include <gtest/gtest.h>

#include "async/timer.h"
#include "base/testing.h"
#include "bridge/call_json.h"

namespace cove::bridge {
namespace {

// A call of 1000 input and 100 output tokens costs 1000 + 1000 = 2000 micro-dollars.
constexpr Micros kCost = 2000;
constexpr std::string_view kPrices =
    "openai m 2020-01-01 0 1 - - 10 100000 1000\ndear m 2020-01-01 0 3 - - 30 100000 1000\n";

Usage OneCall() {
  Usage usage;
  usage.known = true;
  usage.input = 1000;
  usage.output = 100;
  return usage;
}

CallStart Start(std::string model = "m") {
  CallStart start;
  start.org = OrgId("org");
  start.sandbox = SandboxId("box");
  start.user = "ann";
  start.template_name = "host";
  start.provider = "openai";
  start.model = std::move(model);
  start.request_bytes = 4000;
  return start;
}

struct Crowd {
  int made = 0;
  int refused = 0;
  int under_way = 0;
  int most_under_way = 0;
  std::map<std::string, int> codes;
};

CallEnd Completed() {
  CallEnd end;
  end.status = 200;
  end.usage = OneCall();
  return end;
}

// One call from its asking to its end, as the bridge makes it.
Task<void> OneOf(Books* books, CallStart start, Crowd* crowd) {
  auto admitted = co_await books->Admit(std::move(start));
  if (auto* error = std::get_if<ProviderError>(&admitted)) {
    ++crowd->refused;
    ++crowd->codes[error->code];
    co_return;
  }
  ++crowd->made;
  crowd->most_under_way = std::max(crowd->most_under_way, ++crowd->under_way);
  co_await async::Sleep(milliseconds(2));
  --crowd->under_way;
  EXPECT_TRUE((co_await books->Finish(std::move(std::get<Ticket>(admitted)), Completed())).ok());
}

Task<void> All(Books* books, CallStart start, int n, Crowd* crowd) {
  async::TaskGroup group;
  for (int i = 0; i < n; ++i) group.Spawn(OneOf(books, start, crowd));
  co_await group.Join();
}

class BooksTest : public testing::Test {
 protected:
  BooksTest() : store_(*store::OpenSqlite(":memory:", kMigrations)) { Open(); }
  void Open() {
    books_.reset();
    BooksSettings settings;
    settings.prices = *PriceTable::Parse(kPrices, "test");
    settings.rates = rates_;
    settings.budget_wait = wait_;
    settings.retention_days = 1;
    Books::Deps deps;
    deps.store = store_.get();
    deps.folder = dir_.path();
    deps.pause = [this](const SandboxId& id) { paused_.push_back(id.value); };
    books_ = std::make_unique<Books>(std::move(deps), std::move(settings));
    settled_ = *loop_.RunUntil(books_->Open());
  }
  Budget MakeBudget(Scope scope, std::string subject, Micros limit,
                    OnExhausted action = OnExhausted::kRefuse) {
    Budget budget;
    budget.org = OrgId("org");
    budget.scope = scope;
    budget.subject = std::move(subject);
    budget.limit = limit;
    budget.on_exhausted = action;
    return *loop_.RunUntil(books_->budgets().Create(budget));
  }
  Crowd Run(int n, CallStart start = Start()) {
    Crowd crowd;
    loop_.RunUntil(All(books_.get(), std::move(start), n, &crowd));
    return crowd;
  }
  BudgetUse Use(const Budget& budget) { return books_->budgets().UseOf(budget).front(); }
  ProviderError Refused(CallStart start = Start()) {
    auto admitted = loop_.RunUntil(books_->Admit(std::move(start)));
    const auto* error = std::get_if<ProviderError>(&admitted);
    return error == nullptr ? ProviderError{} : *error;
  }
  Totals Sum() {
    CallFilter filter;
    filter.org = OrgId("org");
    return (*loop_.RunUntil(books_->log().Sum(filter, {}))).front();
  }

  async::Loop loop_;
  TempDir dir_;
  std::unique_ptr<store::Store> store_;
  RateLimits rates_;
  Duration wait_ = seconds(30);
  std::vector<std::string> paused_;
  int64_t settled_ = 0;
  std::unique_ptr<Books> books_;
};

TEST_F(BooksTest, TwoHundredCallsAtOnceMeetABudgetForTen) {
  const Budget budget = MakeBudget(Scope::kOrganization, "", 10 * kCost);
  const Crowd crowd = Run(200);
  EXPECT_EQ(crowd.made, 10);
  EXPECT_EQ(crowd.refused, 190);
  EXPECT_EQ(crowd.codes.at("cove_budget_exhausted"), 190);
  EXPECT_EQ(Use(budget).spent, 10 * kCost);
  EXPECT_EQ(Use(budget).held, 0);
  EXPECT_EQ(Use(budget).in_flight, 0);
  EXPECT_EQ(Sum().cost, 10 * kCost);
}

TEST_F(BooksTest, ALimitBetweenTwoCallsIsPassedByOneAtMost) {
  const Budget budget = MakeBudget(Scope::kSandbox, "*", 10 * kCost - 1);
  const Crowd crowd = Run(200);
  EXPECT_EQ(crowd.made, 10);
  EXPECT_LE(Use(budget).spent, budget.limit + kCost);
}

TEST_F(BooksTest, FarFromItsEndABudgetHoldsNobodyUp) {
  MakeBudget(Scope::kOrganization, "", 1'000'000'000);
  const Crowd crowd = Run(50);
  EXPECT_EQ(crowd.made, 50);
  EXPECT_GT(crowd.most_under_way, 10);
}

TEST_F(BooksTest, EveryScopeCountsItsOwn) {
  const Budget user = MakeBudget(Scope::kUser, "ann", kCost);
  const Budget template_budget = MakeBudget(Scope::kTemplate, "host", 100 * kCost);
  const Budget boxes = MakeBudget(Scope::kSandbox, "*", 2 * kCost);
  const Budget keys = MakeBudget(Scope::kKey, "*", 0);  // no call from inside has a key
  EXPECT_EQ(Run(1).made, 1);
  EXPECT_EQ(Run(1).made, 0) << "ann has spent hers";
  CallStart bob = Start();
  bob.user = "bob";
  EXPECT_EQ(Run(5, bob).made, 1) << "the sandbox has one left";
  bob.sandbox = SandboxId("other");
  EXPECT_EQ(Run(5, bob).made, 2);
  EXPECT_EQ(Use(user).spent, kCost);
  EXPECT_EQ(Use(template_budget).spent, 4 * kCost);
  EXPECT_EQ(books_->budgets().UseOf(boxes).size(), 2U);
  CallStart key = Start();
  key.key_id = "k";
  EXPECT_EQ(Run(1, key).made, 0);
}

TEST_F(BooksTest, WhateverTokensAKeyMakesItsLimitsAreOne) {
  rates_.per_minute = 3;
  Open();
  const Budget keys = MakeBudget(Scope::kKey, "*", 2 * kCost);
  const auto by = [](int token) {
    CallStart start = Start();
    start.key_id = "k";
    start.token_id = "t" + std::to_string(token);
    start.sandbox = SandboxId("box" + std::to_string(token));
    return start;
  };
  EXPECT_EQ(Run(1, by(1)).made, 1);
  EXPECT_EQ(Run(1, by(2)).made, 1);
  EXPECT_EQ(Use(keys).spent, 2 * kCost);
  EXPECT_EQ(Refused(by(3)).code, "cove_budget_exhausted");
  EXPECT_EQ(Refused(by(4)).code, "cove_rate_limit");
  EXPECT_EQ(Run(1).made, 1) << "the sandbox itself is another";
}

TEST_F(BooksTest, ABudgetCountsWhatWasSpentBeforeItWasMade) {
  Run(3);
  const Budget budget = MakeBudget(Scope::kUser, "*", 4 * kCost);
  EXPECT_EQ(Use(budget).spent, 3 * kCost);
  EXPECT_EQ(Run(5).made, 1);
  EXPECT_FALSE(loop_.RunUntil(books_->budgets().Create(budget)).ok()) << "one of a kind";
}

TEST_F(BooksTest, ACrashBetweenReservationAndSettlementCorrectsItself) {
  const Budget budget = MakeBudget(Scope::kOrganization, "", 10 * kCost);
  Run(2);
  {
    // Calls whose rows are begun; then the process dies: nothing of it is settled.
    CallLog log(*store_);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(loop_.RunUntil(log.Begin(Start())).ok());
  }
  Open();
  EXPECT_EQ(settled_, 5);
  // 4000 bytes are taken for 1000 tokens of input.
  constexpr Micros kGuess = 1000;
  EXPECT_EQ(Use(budget).spent, 2 * kCost + 5 * kGuess);
  EXPECT_EQ(Use(budget).held, 0);
  EXPECT_EQ(Sum().estimated, 5);
  EXPECT_EQ(Sum().cost, 2 * kCost + 5 * kGuess);
  Open();
  EXPECT_EQ(settled_, 0) << "once";
  EXPECT_EQ(Use(budget).spent, 2 * kCost + 5 * kGuess);
}

TEST_F(BooksTest, ATicketThatIsDroppedFreesWhatItHeld) {
  const Budget budget = MakeBudget(Scope::kOrganization, "", kCost);
  {
    auto dropped = loop_.RunUntil(books_->Admit(Start()));
  }
  EXPECT_EQ(Run(1).made, 1) << "it waited for the first one's end";
  EXPECT_EQ(Use(budget).in_flight, 0);
  EXPECT_EQ(Sum().calls, 2);
}

TEST_F(BooksTest, ARaisedLimitLetsCallsStartAgain) {
  Budget budget = MakeBudget(Scope::kOrganization, "", kCost);
  Run(1);
  EXPECT_EQ(Refused().status, 403);
  budget.limit = 3 * kCost;
  ASSERT_TRUE(loop_.RunUntil(books_->budgets().Change(budget)).ok());
  EXPECT_EQ(Run(5).made, 2);
  ASSERT_TRUE(loop_.RunUntil(books_->budgets().Delete(OrgId("org"), budget.id)).ok());
  EXPECT_EQ(Run(5).made, 5);
}

TEST_F(BooksTest, TheRefusalSaysWhoseBudgetItIs) {
  MakeBudget(Scope::kUser, "ann", 0);
  const ProviderError error = Refused();
  EXPECT_EQ(error.status, 403);
  EXPECT_EQ(error.code, "cove_budget_exhausted");
  EXPECT_NE(error.message.find("the month's budget of the user ann"), std::string::npos)
      << error.message;
  EXPECT_FALSE(error.retry_after);
}

TEST_F(BooksTest, ABudgetMayPauseTheSandboxOrOnlyWarn) {
  MakeBudget(Scope::kSandbox, "box", 0, OnExhausted::kPause);
  const ProviderError error = Refused();
  EXPECT_EQ(error.status, 429);
  EXPECT_TRUE(error.retry_after);
  EXPECT_EQ(paused_, std::vector<std::string>{"box"});
  CallStart outside = Start();
  outside.sandbox = SandboxId();
  MakeBudget(Scope::kOrganization, "", 0, OnExhausted::kWarn);
  EXPECT_EQ(Run(3, outside).made, 3);
}

TEST_F(BooksTest, AModelWithoutAPriceIsNeverFree) {
  EXPECT_EQ(Run(1, Start("unknown")).made, 1) << "without a budget it may run";
  EXPECT_EQ(Sum().unpriced, 1);
  EXPECT_EQ(Sum().cost, 0);
  Budget budget = MakeBudget(Scope::kOrganization, "", 1'000'000);
  EXPECT_EQ(Refused(Start("unknown")).code, "cove_model_unpriced");
  budget.unpriced = Unpriced::kAllow;
  ASSERT_TRUE(loop_.RunUntil(books_->budgets().Change(budget)).ok());
  EXPECT_EQ(Run(1, Start("unknown")).made, 1);
  EXPECT_NE(books_->metrics().Text().find("cove_ai_unpriced_calls_total"), std::string::npos);
}

TEST_F(BooksTest, NearItsEndABudgetAnswersBusyAfterAWhile) {
  wait_ = milliseconds(10);
  Open();
  MakeBudget(Scope::kOrganization, "", kCost);
  auto first = loop_.RunUntil(books_->Admit(Start()));
  ASSERT_NE(std::get_if<Ticket>(&first), nullptr);
  const ProviderError error = Refused();
  EXPECT_EQ(error.status, 429);
  EXPECT_EQ(error.code, "cove_budget_busy");
  EXPECT_TRUE(error.retry_after);
}

TEST_F(BooksTest, ErrorsCostNothingAndAnswersWithoutUsageAnEstimate) {
  CallEnd end;
  end.status = 500;
  end.outcome = Outcome::kRejected;
  auto first = loop_.RunUntil(books_->Admit(Start()));
  ASSERT_TRUE(loop_.RunUntil(books_->Finish(std::move(std::get<Ticket>(first)), end)).ok());
  EXPECT_EQ(Sum().cost, 0);
  EXPECT_EQ(Sum().unpriced, 0);
  end.status = 200;
  end.outcome = Outcome::kCompleted;
  end.response_bytes = 400;
  auto second = loop_.RunUntil(books_->Admit(Start()));
  ASSERT_TRUE(loop_.RunUntil(books_->Finish(std::move(std::get<Ticket>(second)), end)).ok());
  EXPECT_EQ(Sum().cost, 1000 + 1000);
  EXPECT_EQ(Sum().estimated, 1);
}

TEST_F(BooksTest, WhatMayHaveRunIsNotFreeAndWhatWasNotReachedIs) {
  for (const Outcome outcome : {Outcome::kBroken, Outcome::kUnreachable}) {
    auto admitted = loop_.RunUntil(books_->Admit(Start()));
    CallEnd end;
    end.outcome = outcome;
    auto done = books_->Finish(std::move(std::get<Ticket>(admitted)), end);
    ASSERT_TRUE(loop_.RunUntil(std::move(done)).ok());
  }
  EXPECT_EQ(Sum().estimated, 1);
  EXPECT_EQ(Sum().cost, 1000);
}

TEST_F(BooksTest, TheDearestOfThoseThatMayAnswerIsHeldAndWhoAnsweredIsPaid) {
  const Budget budget = MakeBudget(Scope::kOrganization, "", 1'000'000'000);
  CallStart start = Start();
  start.fallbacks = {"dear"};
  auto admitted = loop_.RunUntil(books_->Admit(start));
  EXPECT_EQ(Use(budget).held, 3 * (4000 + 10'000));
  CallEnd end = Completed();
  end.provider = "dear";
  ASSERT_TRUE(loop_.RunUntil(books_->Finish(std::move(std::get<Ticket>(admitted)), end)).ok());
  EXPECT_EQ(Use(budget).spent, 3 * kCost);
  CallFilter filter;
  filter.org = OrgId("org");
  filter.provider = "dear";
  const auto calls = loop_.RunUntil(books_->log().List(filter));
  ASSERT_EQ(calls->size(), 1U);
  EXPECT_EQ(calls->front().start.fallback_from, "openai");
  start.fallbacks = {"dear", "local"};
  const ProviderError error = Refused(start);
  EXPECT_EQ(error.code, "cove_model_unpriced") << "it might be free without anybody's knowing";
  EXPECT_NE(error.message.find("'m' of local"), std::string::npos) << error.message;
}

TEST_F(BooksTest, TheDearestOfTheModelsToChooseFromIsHeldAndTheOneUsedIsPaid) {
  BooksSettings settings;
  settings.prices = *PriceTable::Parse(
      std::string(kPrices) + "openai big 2020-01-01 0 7 - - 70 100000 1000\n", "test");
  Books books({.store = store_.get()}, std::move(settings));
  ASSERT_TRUE(loop_.RunUntil(books.Open()));
  Budget budget;
  budget.org = OrgId("org");
  budget.limit = 1'000'000'000;
  budget = *loop_.RunUntil(books.budgets().Create(budget));
  const auto use = [&] { return books.budgets().UseOf(budget).front(); };
  CallStart start = Start();
  start.ask.models = {"m", "big"};
  auto admitted = loop_.RunUntil(books.Admit(start));
  EXPECT_EQ(use().held, 7 * (4000 + 10'000));
  Said said;
  said.answer_model = "big";
  ASSERT_TRUE(loop_.RunUntil(
      books.Finish(std::move(std::get<Ticket>(admitted)), Completed(), std::move(said))));
  EXPECT_EQ(use().spent, 7 * kCost);

  start.model = "";
  start.ask.models = {"m"};
  EXPECT_EQ(loop_.RunUntil(books.Admit(start)).index(), 0U) << "it names models, only not there";
  start.model = "m";
  start.ask.models = {"big", "unknown"};
  auto refused = loop_.RunUntil(books.Admit(start));
  ASSERT_EQ(refused.index(), 1U);
  EXPECT_EQ(std::get<ProviderError>(refused).code, "cove_model_unpriced");
  EXPECT_NE(std::get<ProviderError>(refused).message.find("'unknown' of openai"),
            std::string::npos);
}

TEST_F(BooksTest, RatesRefuseWithATime) {
  rates_ = {.per_minute = 2};
  Open();
  EXPECT_EQ(Run(3).made, 2);
  const ProviderError error = Refused();
  EXPECT_EQ(error.status, 429);
  EXPECT_EQ(error.code, "cove_rate_limit");
  EXPECT_GT(error.retry_after.value_or(seconds(0)).count(), 0);
}

TEST_F(BooksTest, TheRowKeepsThePriceThatWasUsed) {
  Run(1);
  CallFilter filter;
  filter.org = OrgId("org");
  const auto calls = loop_.RunUntil(books_->log().List(filter));
  ASSERT_TRUE(calls.ok());
  const Call& call = calls->front();
  EXPECT_EQ(call.start.user, "ann");
  EXPECT_EQ(call.start.template_name, "host");
  EXPECT_EQ(call.charge.basis, CostBasis::kUsage);
  EXPECT_EQ(call.charge.cost, kCost);
  ASSERT_TRUE(call.charge.price);
  EXPECT_EQ(call.charge.price->from, "2020-01-01");
  EXPECT_EQ(call.charge.price->output, 10'000'000);
}

TEST_F(BooksTest, AWriteForAnHourAndASearchAreInTheRowAndInTheCost) {
  BooksSettings settings;
  settings.prices = *PriceTable::Parse("openai m 2020-01-01 0 1 0.1 1.25 10 9999 1000 2 10\n", "t");
  Books books({.store = store_.get()}, std::move(settings));
  ASSERT_TRUE(loop_.RunUntil(books.Open()));
  auto admitted = loop_.RunUntil(books.Admit(Start()));
  CallEnd end = Completed();
  end.usage.cache_write = 1000;
  end.usage.cache_write_1h = 400;
  end.usage.web_searches = 2;
  end.key_hint = "2 (…9f2a)";
  ASSERT_TRUE(loop_.RunUntil(books.Finish(std::move(std::get<Ticket>(admitted)), end)));
  CallFilter filter;
  filter.org = OrgId("org");
  const Call call = loop_.RunUntil(books.log().List(filter))->front();
  EXPECT_EQ(call.end.usage, end.usage);
  EXPECT_EQ(call.end.key_hint, "2 (…9f2a)");
  EXPECT_EQ(call.charge.cost, kCost + 600 * 5 / 4 + 400 * 2 + 2 * 10'000);
  EXPECT_EQ(call.charge.price->cache_write_1h, 2'000'000);
  EXPECT_EQ(call.charge.price->web_search, 10'000);
}

TEST_F(BooksTest, SearchesAndWritesForAnHourAreInTheSumsAndTheMetrics) {
  for (int i = 0; i < 2; ++i) {
    CallEnd end = Completed();
    end.usage.cache_write = 500;
    end.usage.cache_write_1h = 400;
    end.usage.web_searches = 3;
    auto admitted = loop_.RunUntil(books_->Admit(Start()));
    ASSERT_TRUE(loop_.RunUntil(books_->Finish(std::move(std::get<Ticket>(admitted)), end)).ok());
  }
  const Totals sum = Sum();
  EXPECT_EQ(sum.cache_write, 1000);
  EXPECT_EQ(sum.cache_write_1h, 800);
  EXPECT_EQ(sum.web_searches, 6);
  EXPECT_NE(TotalsCsvHead({}).find(",cacheWrite1hTokens,webSearches"), std::string::npos);
  EXPECT_NE(CsvLine(sum).find(",800,6"), std::string::npos) << CsvLine(sum);
  const std::string text = books_->metrics().Text();
  const std::string of = "{provider=\"openai\",model=\"m\"";
  EXPECT_NE(text.find("cove_ai_tokens_total" + of + ",kind=\"cache_write_1h\"} 800\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("cove_ai_web_searches_total" + of + "} 6\n"), std::string::npos);
}

TEST_F(BooksTest, OldRowsGoAndBudgetsKeepWhatTheyCounted) {
  Budget budget;
  budget.org = OrgId("org");
  budget.period = Period::kTotal;
  budget.limit = 1'000'000;
  budget = *loop_.RunUntil(books_->budgets().Create(budget));
  Run(3);
  constexpr int64_t kTwoDays = 2 * 86'400'000'000LL;
  EXPECT_EQ(*loop_.RunUntil(books_->Prune(WallNow())), 0);
  EXPECT_EQ(*loop_.RunUntil(books_->Prune(WallTime{WallNow().micros + kTwoDays})), 3);
  EXPECT_EQ(Sum().calls, 0);
  Open();
  EXPECT_EQ(Use(budget).spent, 3 * kCost);
}

TEST_F(BooksTest, SumsAreByWhatIsAskedFor) {
  Run(2);
  CallStart other = Start();
  other.sandbox = SandboxId("other");
  Run(1, other);
  CallFilter filter;
  filter.org = OrgId("org");
  const auto sums =
      loop_.RunUntil(books_->log().Sum(filter, {Group::kModel, Group::kSandbox, Group::kModel}));
  ASSERT_TRUE(sums.ok());
  ASSERT_EQ(sums->size(), 2U);
  EXPECT_EQ((*sums)[0].names, (std::vector<std::string>{"box", "m"}));
  EXPECT_EQ((*sums)[0].calls, 2);
  EXPECT_EQ((*sums)[0].cost, 2 * kCost);
  const auto days = loop_.RunUntil(books_->log().Sum(filter, {Group::kDay}));
  ASSERT_EQ(days->size(), 1U);
  EXPECT_EQ((*days)[0].names[0], FormatIso(WallNow()).substr(0, 10));
  filter.user = "nobody";
  EXPECT_TRUE(loop_.RunUntil(books_->log().Sum(filter, {Group::kModel}))->empty());
}

TEST_F(BooksTest, ACallThatGoesOnHoldsWhatItsConversationWas) {
  const Budget budget = MakeBudget(Scope::kOrganization, "", 1'000'000'000);
  CallEnd end = Completed();
  end.response_id = "resp_1";
  auto first = loop_.RunUntil(books_->Admit(Start()));
  ASSERT_TRUE(loop_.RunUntil(books_->Finish(std::move(std::get<Ticket>(first)), end)).ok());
  CallStart next = Start();
  next.ask.continues = "resp_1";
  auto second = loop_.RunUntil(books_->Admit(next));
  EXPECT_EQ(Use(budget).held, 4000 + 1100 + 10'000);
  next.ask.continues = "resp_unknown";
  auto third = loop_.RunUntil(books_->Admit(next));
  EXPECT_EQ(Use(budget).held, 4000 + 1100 + 10'000 + 100'000 + 10'000);
}

}  // namespace
}  // namespace cove::bridge
