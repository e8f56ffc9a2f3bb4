"""An account with some of everything that pages show, in any amount, as a team leaves it after a busy month.

Rows are written as they would lie, without being embedded: for looking at pages, not for searching. Names are long,
short, Chinese and Arabic; documents are ready, being read and failed; questions were answered and were not.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any

from django.core.files.base import ContentFile
from django.db import connection, models
from django.utils import timezone

from accounts import api_tokens
from accounts.audit import Action
from accounts.models import Account, AnswerUsage, AuditEvent, Invitation, Membership, Plan, StoredUsage, User
from accounts.plans import put_on
from chat.models import AskedQuestion, Citation, Conversation, Message
from chat.questions import counted_as
from doculume.ids import new_id
from integrations import keys
from integrations.models import ChatbotKey, Integration, IntegrationEvent
from knowledge.models import Chunk, Collection, Document, Entry, EntryImport, IngestionJob, RefusedRow
from llm_settings.models import LLMProvider
from tests.cast import PASSWORD

BATCH = 2000
LONG = (
    "Agreement on the joint use of the laboratories in the buildings B, C and the former boiler house, with all "
    "annexes, as amended on 3 March 2024 and again on 17 June 2025 (consolidated version, not yet signed by all)"
)
TITLES = [
    "Employee Handbook 2026",
    "Returns and refunds",
    LONG,
    "产品保修政策与退货流程说明（2026年版）",
    "سياسة الإجازات والعمل عن بعد للموظفين",
    "Datenschutz-Grundverordnungskonformitätserklärung",
    "a",
    "Quarterly_report_FINAL_v7_reallyfinal_donotdelete_1234567890_abcdefghijklmnopqrstuvwxyz",
    "Onboarding: your first week",
    "<b>Prices & conditions</b> of the “Aurora” heater",
]
TEXTS = [
    "Every employee has 28 days of paid leave a year. Leave is asked for at least two weeks ahead.",
    "Goods can be sent back within 30 days. The money is back on the card within five working days.",
    "产品自购买之日起享有二十四个月的保修期。请保留购买凭证。",
    "يحق لكل موظف العمل من المنزل يومين في الأسبوع بعد موافقة المدير المباشر.",
    "The Aurora heater draws 1,800 W. Clean its filter every four weeks with warm water, never with a solvent.",
]
QUESTIONS = [
    "How many days of leave do I have?",
    "Can I send back what I bought in a sale?",
    "产品的保修期是多长时间？",
    "كم عدد أيام العمل من المنزل؟",
    "What is the delivery time to Réunion, and does it differ for goods that are longer than two meters or heavier?",
    "Who signs off travel costs above 1,000 euros?",
    "Wie reinige ich den Filter?",
]
ANSWER = (
    "You have **28 days** of paid leave a year [1]. Ask for it at least two weeks ahead:\n\n1. Open the form.\n2. Send "
    "it to your team lead.\n\n| Years | Days |\n|---|---|\n| 0–5 | 28 |\n| over 5 | 30 |\n"
)
FAILURES = [
    ("encrypted", "The document is protected by a password."),
    ("corrupt", "The document is damaged and could not be read."),
    ("no_text", "The document holds no text that can be read, as a scan does."),
    ("provider_unavailable", "The embedding model does not answer."),
]


@dataclass(frozen=True, slots=True)
class Amount:
    entries: int = 120
    documents: int = 60
    conversations: int = 60
    exchanges: int = 3  # a conversation
    collections: int = 24
    integrations: int = 10
    days: int = 40


@dataclass(frozen=True, slots=True)
class Filled:
    """Something to open of each kind."""

    account: Account
    owner: User
    collection: Collection
    entry: Entry
    document: Document
    failed: Document
    conversation: Conversation
    integration: Integration
    key: ChatbotKey
    question: AskedQuestion
    entry_import: EntryImport
    provider: LLMProvider


def fill(account: Account, owner: User, amount: Amount | None = None) -> Filled:
    """Everything but people, of whom there are a few."""
    amount, dice = amount or Amount(), random.Random(7)
    put_on(account, Plan.objects.get(name="business"))
    collections = _collections(account, amount)
    entries = _entries(account, collections, amount)
    documents = _documents(account, owner, collections, amount, dice)
    integrations = _integrations(account, collections, amount)
    conversations = _conversations(account, owner, documents, integrations, amount, dice)
    _people(account, owner)
    _events(account, owner, integrations, amount, dice)
    StoredUsage.objects.update_or_create(account=account, defaults={"entries": 61_234, "stored_bytes": 7_812_345_678})
    AnswerUsage.objects.update_or_create(
        account=account, month=timezone.now().date().replace(day=1), defaults={"answers": 4_321}
    )
    for name in ("Nightly import", LONG[:90]):
        api_tokens.create(owner, account, name)
    keys.create(account, LONG[:100], integrations=integrations[:2])
    return Filled(
        account,
        owner,
        collections[0],
        entries[0],
        next(document for document in documents if document.status == "ready"),
        next(document for document in documents if document.status == "failed"),
        conversations[0],
        integrations[0],
        keys.create(account, "Shop", integrations=integrations[:2]),
        AskedQuestion.objects.filter(account=account, outcome="unanswered").latest("created_at"),
        _imports(account, owner, collections[0]),
        _providers(account),
    )


def stored(model: type[models.Model], rows: Iterable[Any]) -> None:
    model._base_manager.bulk_create(rows, batch_size=BATCH)


def _titles(number: int) -> Iterator[str]:
    for place, title in enumerate(islice(cycle(TITLES), number)):
        yield title if place < len(TITLES) else f"{title[:200]} {place}"


def _spread(amount: Amount, number: int, of: int) -> datetime:
    """Moments from now back over the days, the newest first."""
    return timezone.now() - timedelta(days=amount.days) * number / max(of, 1)


def _collections(account: Account, amount: Amount) -> list[Collection]:
    made = [Collection(account=account, name=title[:255]) for title in _titles(amount.collections)]
    stored(Collection, made)
    return made


def _entry(account: Account, collection: Collection, title: str, number: int, made: datetime) -> Entry:
    text = TEXTS[number % len(TEXTS)] * 3
    return Entry(
        account=account,
        collection=collection,
        title=title[:500],
        raw_text=text,
        text=text,
        language=("en", "en", "zh", "ar", "en")[number % 5],
        meta={"product": f"AUR-{number % 40}", "published": True, "price": number % 90},
        active_generation=1,
        chunk_count=1,
        created_at=made,
    )


def _chunk(entry: Entry, page: int | None = None) -> Chunk:
    place = {"account_id": entry.account_id, "collection_id": entry.collection_id, "entry": entry}
    span = {"text": entry.text, "start": 0, "end": len(entry.text), "token_count": 40}
    return Chunk(**place, **span, generation=1, position=0, page_number=page)


def _entries(account: Account, collections: list[Collection], amount: Amount) -> list[Entry]:
    """Half of them in the first collection."""
    made = []
    for number, title in enumerate(_titles(amount.entries)):
        collection = collections[0 if number % 2 else number // 2 % len(collections)]
        made.append(_entry(account, collection, title, number, _spread(amount, number, amount.entries)))
    made[0].collection = collections[0]
    stored(Entry, made)
    stored(Chunk, map(_chunk, made))
    return made


def _documents(
    account: Account, owner: User, collections: list[Collection], amount: Amount, dice: random.Random
) -> list[Document]:
    entries, documents, jobs = [], [], []
    for number, title in enumerate(_titles(amount.documents)):
        made = _spread(amount, number, amount.documents)
        # Of those that are not ready there are a few, however many there are of the others.
        unready = number if number < 60 else 0
        status = {3: "failed", 5: "pending", 7: "processing"}.get(unready % 11, "ready") if unready else "ready"
        entry = _entry(account, collections[number % len(collections)], title, number, made)
        code, message = FAILURES[number % len(FAILURES)] if status == "failed" else ("", "")
        if status != "ready":
            entry.active_generation, entry.chunk_count, entry.text, entry.raw_text = 0, 0, "", ""
        ident = new_id()
        documents.append(
            Document(
                id=ident,
                account=account,
                collection=entry.collection,
                entry=entry,
                uploaded_by=owner,
                file=f"documents/{account.pk}/{ident}",
                filename=f"{title[:240]}.pdf",
                original_filename=f"{title[:240]}.pdf",
                file_size=dice.randrange(2_000, 60_000_000),
                file_type="pdf",
                media_type="application/pdf",
                status=status,
                progress={"ready": 1, "processing": 0.4}.get(status, 0),
                page_count=dice.randrange(1, 300) if status == "ready" else None,
                chunk_count=entry.chunk_count,
                error_code=code,
                error_message=message,
                created_at=made,
                processed_at=made if status in ("ready", "failed") else None,
            )
        )
        entries.append(entry)
        waits = {"pending": "waiting", "processing": "running"}.get(status)
        if waits:
            lease = {"lease_expires_at": timezone.now() + timedelta(hours=9)} if waits == "running" else {}
            jobs.append(IngestionJob(account=account, entry=entry, generation=1, status=waits, **lease))
        elif status == "failed":
            jobs.append(IngestionJob(account=account, entry=entry, generation=1, status="failed", last_error=message))
    stored(Entry, entries)
    stored(Document, documents)
    stored(Chunk, (_chunk(entry, 1) for entry in entries if entry.chunk_count))
    stored(IngestionJob, jobs)
    for document in documents[:2]:
        document.file.storage.save(document.file.name, ContentFile(b"%PDF-1.4\n"))
    return documents


def _imports(account: Account, owner: User, collection: Collection) -> EntryImport:
    """One that is done, with rows that were refused, and many before it."""
    made = [
        EntryImport(
            account=account,
            collection=collection,
            made_by=owner,
            filename=f"{title[:200]}.csv",
            file_size=1_234_567,
            format="csv",
            status=("done", "failed", "cancelled")[number % 3],
            total=1_000,
            done=1_000,
            added=700,
            changed=180,
            unchanged=80,
            refused=40,
            error_code="corrupt" if number % 3 == 1 else "",
        )
        for number, title in enumerate(_titles(30))
    ]
    stored(EntryImport, made)
    stored(
        RefusedRow,
        (
            RefusedRow(
                account=account,
                entry_import=made[0],
                number=2 + number,
                reason="The text is empty.",
                cells={"name": TITLES[number % len(TITLES)], "text": ""},
            )
            for number in range(40)
        ),
    )
    return made[0]


def _integrations(account: Account, collections: list[Collection], amount: Amount) -> list[Integration]:
    kinds = cycle(("chatbot", "search_box", "custom"))
    made = [
        Integration(
            account=account,
            type=kind,
            name=title[:255],
            project="Shop",
            is_active=number % 4 != 3,
            allowed_domains=["shop.example", "*.support.example"] if number % 2 == 0 else None,
        )
        for number, (kind, title) in enumerate(zip(kinds, _titles(amount.integrations), strict=False))
    ]
    stored(Integration, made)
    for integration in made:
        integration.connect([collection.id for collection in collections[:3]])
    return made


def _conversations(
    account: Account,
    owner: User,
    documents: list[Document],
    integrations: list[Integration],
    amount: Amount,
    dice: random.Random,
) -> list[Conversation]:
    """The owner's, every third one a visitor's of an integration. The newest is the owner's."""
    ready = [document for document in documents if document.status == "ready"]
    made: list[Conversation] = []
    messages: list[Message] = []
    citations: list[Citation] = []
    asked: list[AskedQuestion] = []
    for number in range(amount.conversations):
        moment = _spread(amount, number, amount.conversations)
        whose: dict[str, Any] = {"user": owner}
        if number % 3 == 2:
            whose = {"integration_id": integrations[number % len(integrations)].id, "visitor": f"visitor-{number % 50}"}
        conversation = Conversation(
            account=account,
            title=QUESTIONS[number % len(QUESTIONS)][:255],
            created_at=moment,
            updated_at=moment,
            **whose,
        )
        made.append(conversation)
        for turn in range(amount.exchanges):
            question = QUESTIONS[(number + turn) % len(QUESTIONS)]
            outcome = dice.choices(("answered", "unanswered", "failed", "stopped"), (80, 14, 3, 3))[0]
            at = moment + timedelta(seconds=40 * turn)
            messages.append(
                Message(account=account, conversation=conversation, role="user", content=question, created_at=at)
            )
            answer = _answer(account, conversation, outcome, at + timedelta(seconds=1), dice)
            messages.append(answer)
            if outcome == "answered" and ready:
                citations.append(_citation(answer, ready[(number + turn) % len(ready)]))
            asked.append(
                AskedQuestion(
                    account=account,
                    conversation=conversation,
                    integration_id=conversation.integration_id,
                    text=question,
                    asked=counted_as(question),
                    outcome=outcome,
                    first_ms=dice.randrange(80, 900),
                    total_ms=dice.randrange(900, 9000),
                    created_at=at,
                )
            )
    # The first conversation is one to read: whatever chance says, it was answered.
    for model, rows in ((Conversation, made), (Message, messages), (Citation, citations), (AskedQuestion, asked)):
        stored(model, rows)
    if not any(question.outcome == "unanswered" for question in asked):
        AskedQuestion.objects.create(account=account, text=QUESTIONS[0], asked="", outcome="unanswered")
    return made


def _answer(account: Account, conversation: Conversation, outcome: str, at: datetime, dice: random.Random) -> Message:
    ends = {
        "answered": ("complete", "stop"),
        "unanswered": ("complete", "no_relevant_results"),
        "failed": ("interrupted", "The model does not answer."),
        "stopped": ("stopped", ""),
    }
    status, reason = ends[outcome]
    return Message(
        account=account,
        conversation=conversation,
        role="assistant",
        content=ANSWER if outcome == "answered" else "Nothing that is stored here answers this.",
        status=status,
        reason=reason,
        model_name="extractive",
        timings={
            "search": dice.randrange(20, 90),
            "first": dice.randrange(80, 900),
            "total": dice.randrange(900, 9000),
        },
        created_at=at,
    )


def _citation(answer: Message, document: Document) -> Citation:
    text = TEXTS[0]
    return Citation(
        account_id=answer.account_id,
        message=answer,
        index=1,
        entry_id=document.entry_id,
        document_id=document.id,
        chunk_id=new_id(),
        file_name=document.filename[:255],
        page_number=1,
        title=document.entry.title,
        snippet=text,
        start=0,
        end=len(text),
    )


def _people(account: Account, owner: User) -> None:
    names = [("Bernadette-Annemarie Freifrau von und zu Obertshausen-Langenfeld", "admin"), ("李小龍", "member")]
    names += [(f"Colleague {number}", "viewer") for number in range(5)]
    for number, (name, role) in enumerate(names):
        user = User.objects.create_user(f"someone.{number}.{account.pk}@example.com", PASSWORD, full_name=name)
        Membership.objects.create(account=account, user=user, role=role)
    for number in range(3):
        email = f"invited.person.with.a.long.address.{number}@department.example.com"
        Invitation.objects.create(
            account=account, email=email, digest=f"{account.pk}-{number}", invited_by=owner, role="member"
        )


def _events(
    account: Account, owner: User, integrations: list[Integration], amount: Amount, dice: random.Random
) -> None:
    number = amount.conversations * 2
    stored(
        IntegrationEvent,
        (
            IntegrationEvent(
                account=account,
                integration=dice.choice(integrations),
                event_type=dice.choices(("click", "thumbs_up", "thumbs_down"), (5, 3, 1))[0],
                created_at=_spread(amount, place, number),
            )
            for place in range(number)
        ),
    )
    actions = cycle(
        (Action.SIGNED_IN, Action.API_TOKEN_CREATED, Action.ROLE_CHANGED, Action.EXPORTED, Action.PLAN_CHANGED)
    )
    stored(
        AuditEvent,
        (
            AuditEvent(
                account=account,
                action=action,
                actor_id=owner.pk,
                actor=owner.email,
                address="203.0.113.9",
                target=LONG[:200] if place % 7 == 0 else "someone@example.com",
                created_at=_spread(amount, place, 150),
            )
            for place, action in enumerate(islice(actions, 150))
        ),
    )


def _providers(account: Account) -> LLMProvider:
    """None of them answers, and none is asked."""
    made = [
        LLMProvider(
            account=account, name="ollama", type="ollama", base_url="http://localhost:11434/v1", model="llama3"
        ),
        LLMProvider(account=account, name=LONG[:100], base_url="https://models.example.com/v1", position=1),
    ]
    made[1].set_key("sk-nobody-knows-this")
    stored(LLMProvider, made)
    return made[0]


def owned_account(email: str = "owner@example.com") -> tuple[Account, User]:
    owner = User.objects.create_user(email, PASSWORD, full_name="Olivia Owner")
    return owner.personal_account, owner


def analyzed() -> None:
    """Let the planner know what was just written."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
