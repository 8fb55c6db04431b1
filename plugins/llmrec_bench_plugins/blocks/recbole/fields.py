"""What RecBole's modules call things: the fields of an interaction, and the settings that name them."""

USER, ITEM, LABEL, RATING, CATEGORY = "user_id", "item_id", "label", "rating", "category"
HISTORY, HISTORY_LENGTH = "item_id_list", "item_length"
NEGATIVE = "neg_item_id"
KNOWN_USER = "known_user"
REVERSED_HISTORY = "Inverse_item_id_list"
MASKED_HISTORY, MASKED_ITEMS, MASKED_NEGATIVES, MASKED_PLACES = (
    *("Mask_item_id_list", "Pos_item_id"),
    *("Neg_item_id", "MASK_INDEX"),
)

NAMES = {
    **{"USER_ID_FIELD": USER, "ITEM_ID_FIELD": ITEM, "LABEL_FIELD": LABEL, "RATING_FIELD": RATING},
    **{"NEG_PREFIX": "neg_", "LIST_SUFFIX": "_list", "ITEM_LIST_LENGTH_FIELD": HISTORY_LENGTH},
    **{"MASK_ITEM_SEQ": MASKED_HISTORY, "POS_ITEMS": MASKED_ITEMS, "NEG_ITEMS": MASKED_NEGATIVES},
    **{"MASK_INDEX": MASKED_PLACES, "INVERSE_ITEM_SEQ": REVERSED_HISTORY},
    **{"selected_features": [CATEGORY], "item_attribute": CATEGORY, "numerical_features": []},
}
