/**
 * @generated SignedSource<<ffe220828b44907650df8a3528cf277c>>
 * @relayHash 9ca72aa9798a96b248e20ab4aae8580f
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID ffb5c61a894163e3df3e2b5382a732901d57b47cc45474c04a4ff8e0509fa3c5

import type { ConcreteRequest } from 'relay-runtime';
import type { Result } from "relay-runtime";
export type messagePairQuery$variables = {
  chatId: string;
  id: string;
  otherChatId: string;
  otherId: string;
};
export type messagePairQuery$data = {
  readonly chatMessage: Result<{
    readonly chatId: string;
    readonly id: string;
    readonly text: string | null | undefined;
  } | null | undefined, unknown>;
  readonly other: Result<{
    readonly chatId: string;
    readonly id: string;
    readonly text: string | null | undefined;
  } | null | undefined, unknown>;
};
export type messagePairQuery = {
  response: messagePairQuery$data;
  variables: messagePairQuery$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "chatId"
  },
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "id"
  },
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "otherChatId"
  },
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "otherId"
  }
],
v1 = [
  {
    "alias": null,
    "args": null,
    "kind": "ScalarField",
    "name": "chatId",
    "storageKey": null
  },
  {
    "alias": null,
    "args": null,
    "kind": "ScalarField",
    "name": "id",
    "storageKey": null
  },
  {
    "alias": null,
    "args": null,
    "kind": "ScalarField",
    "name": "text",
    "storageKey": null
  }
],
v2 = {
  "alias": null,
  "args": [
    {
      "kind": "Variable",
      "name": "chatId",
      "variableName": "chatId"
    },
    {
      "kind": "Variable",
      "name": "id",
      "variableName": "id"
    }
  ],
  "concreteType": "ChatMessage",
  "kind": "LinkedField",
  "name": "chatMessage",
  "plural": false,
  "selections": (v1/*:: as any*/),
  "storageKey": null
},
v3 = {
  "alias": "other",
  "args": [
    {
      "kind": "Variable",
      "name": "chatId",
      "variableName": "otherChatId"
    },
    {
      "kind": "Variable",
      "name": "id",
      "variableName": "otherId"
    }
  ],
  "concreteType": "ChatMessage",
  "kind": "LinkedField",
  "name": "chatMessage",
  "plural": false,
  "selections": (v1/*:: as any*/),
  "storageKey": null
};
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "messagePairQuery",
    "selections": [
      {
        "kind": "CatchField",
        "field": (v2/*:: as any*/),
        "to": "RESULT"
      },
      {
        "kind": "CatchField",
        "field": (v3/*:: as any*/),
        "to": "RESULT"
      }
    ],
    "type": "Query",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "messagePairQuery",
    "selections": [
      (v2/*:: as any*/),
      (v3/*:: as any*/)
    ]
  },
  "params": {
    "cacheID": "9ca72aa9798a96b248e20ab4aae8580f",
    "id": "ffb5c61a894163e3df3e2b5382a732901d57b47cc45474c04a4ff8e0509fa3c5",
    "metadata": {},
    "name": "messagePairQuery",
    "operationKind": "query",
    "text": "query messagePairQuery(\n  $chatId: ID!\n  $id: ID!\n  $otherChatId: ID!\n  $otherId: ID!\n) {\n  chatMessage(chatId: $chatId, id: $id) {\n    chatId\n    id\n    text\n  }\n  other: chatMessage(chatId: $otherChatId, id: $otherId) {\n    chatId\n    id\n    text\n  }\n}\n"
  }
};
})();

(node as any).hash = "dde7e0cabc59cb5ce426534e3d415745";

export default node;
