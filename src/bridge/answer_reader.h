// AnswerReader reads what a call used and what the model wants out of a copy of its answer, while
// the answer passes.
//
// It takes an SSE stream, Amazon's event stream, one JSON document, or single events (WebSocket
// messages). It holds none of them: the wanted parts are cut out as the bytes come (json/pieces.h),
// so an event may be of any size and a part of it that is malformed costs only what follows in that
// event. It never changes a byte and never fails: what cannot be read is simply not known. Thread:
// loop-confined, no I/O.
#pragma once

#include <memory>
#include <string_view>

#include "bridge/answer_facts.h"
#include "bridge/routes.h"
#include "codec/event_stream.h"
#include "codec/sse_data.h"
#include "json/pieces.h"

namespace cove::bridge {

enum class AnswerForm {
  kSse,
  kJson,
  kEventStream,  // Amazon's, in which Bedrock wraps the same events
  kEvents,       // OnEvent() gives them
  kOther,        // nothing is read
};
AnswerForm FormOf(std::string_view content_type);

// How one API's documents (events, or the whole answer) are understood.
class Understanding {
 public:
  virtual ~Understanding() = default;
  virtual const json::PieceTable& table() const = 0;
  virtual void OnPiece(const json::Piece& piece) = 0;
  // The document has ended: its pieces are all there will be. Those of a broken one are whole in
  // themselves, but what it would have said besides is not known.
  enum class Document { kWhole, kBroken };
  virtual void OnDocument(Document document) = 0;
};
// `form` is kJson for a whole answer, another one for events. `facts` outlives what it gives.
std::unique_ptr<Understanding> UnderstandResponses(AnswerForm form, AnswerFacts& facts);
std::unique_ptr<Understanding> UnderstandChat(AnswerForm form, AnswerFacts& facts);
std::unique_ptr<Understanding> UnderstandMessages(AnswerForm form, AnswerFacts& facts);

class AnswerReader {
 public:
  AnswerReader(Api api, AnswerForm form);
  AnswerReader(const AnswerReader&) = delete;
  void Feed(std::string_view bytes);
  // A whole event. REQUIRES: the form is kEvents.
  void OnEvent(std::string_view text);
  // After the last byte: reads what was not closed.
  void Finish();
  const AnswerFacts& facts() const { return facts_; }
  AnswerFacts TakeFacts() { return std::move(facts_); }  // then nothing more may be fed

 private:
  void OnMessage(const codec::StreamMessage& message);
  void OnBytes(std::string_view bytes);
  void EndDocument();

  AnswerForm form_;
  AnswerFacts facts_;
  std::unique_ptr<Understanding> understanding_;
  std::unique_ptr<json::Pieces> pieces_;
  codec::SseData sse_;
  std::unique_ptr<codec::EventStream> event_stream_;
  std::string head_;  // of the document: "[DONE]" is no JSON
};

}  // namespace cove::bridge
