/**
 * @generated SignedSource<<f1f8910a3519ec419f0c96103e7d2719>>
 * @relayHash 46f7c377fcb3dfd42c5fb89542148c6f
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID f3267baadfe9136576111336120ef66de75c980f9c79400a613abd16151962cc

import type { ConcreteRequest } from 'relay-runtime';
export type ChatMessageKey = {
  chatId: string;
  id: string;
};
export type messagesQuery$variables = {
  keys: ReadonlyArray<ChatMessageKey>;
};
export type messagesQuery$data = {
  readonly chatMessagesByKeys: ReadonlyArray<{
    readonly chatId: string;
    readonly id: string;
    readonly text: string | null | undefined;
  } | null | undefined>;
};
export type messagesQuery = {
  response: messagesQuery$data;
  variables: messagesQuery$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "keys"
  }
],
v1 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Variable",
        "name": "keys",
        "variableName": "keys"
      }
    ],
    "concreteType": "ChatMessage",
    "kind": "LinkedField",
    "name": "chatMessagesByKeys",
    "plural": true,
    "selections": [
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
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "messagesQuery",
    "selections": (v1/*:: as any*/),
    "type": "Query",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "messagesQuery",
    "selections": (v1/*:: as any*/)
  },
  "params": {
    "cacheID": "46f7c377fcb3dfd42c5fb89542148c6f",
    "id": "f3267baadfe9136576111336120ef66de75c980f9c79400a613abd16151962cc",
    "metadata": {},
    "name": "messagesQuery",
    "operationKind": "query",
    "text": "query messagesQuery(\n  $keys: [ChatMessageKey!]!\n) {\n  chatMessagesByKeys(keys: $keys) {\n    chatId\n    id\n    text\n  }\n}\n"
  }
};
})();

(node as any).hash = "7351b7c461cc1f5237026909d50d0287";

export default node;
