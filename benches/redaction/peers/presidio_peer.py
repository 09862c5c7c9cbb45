"""Microsoft Presidio: the analyzer with its recognizers for these entities, at its default threshold."""

import importlib.metadata
import logging

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine

ENTITIES = ["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IBAN_CODE", "IP_ADDRESS"]
CLASSES = dict(zip(ENTITIES, ["email", "phone", "card", "ssn", "iban", "ip"]))
MODELS = ["en_core_web_lg", "en_core_web_md", "en_core_web_sm"]


class BlankEngine(SpacyNlpEngine):
    """spaCy's tokenizer without a trained model: enough for everything that does not need names recognised."""

    def load(self):
        self.nlp = {"en": spacy.blank("en")}


class Peer:
    name = "presidio"

    def __init__(self):
        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        # The public suffix list that the package carries: no look-up over the network.
        tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
        model = next((m for m in MODELS if spacy.util.is_package(m)), None)
        models = [{"lang_code": "en", "model_name": model or "blank"}]
        engine = SpacyNlpEngine(models=models) if model else BlankEngine(models=models)
        engine.load()
        self.analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
        self.note = f"presidio-analyzer {importlib.metadata.version('presidio-analyzer')}, recognizers of the six entities, " + (
            f"spaCy model {model}" if model else "blank spaCy pipeline (no model is installed; names are not compared)"
        )

    def find(self, texts):
        return [
            [(r.start, r.end, CLASSES[r.entity_type]) for r in self.analyzer.analyze(text, language="en", entities=ENTITIES)]
            for text in texts
        ]
